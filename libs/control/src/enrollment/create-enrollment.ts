import {
  type Attestation,
  createEnrollment,
  type DataKeyEvent,
  type Decision,
  type Enrollment,
  type EnrollmentData,
  type EnrollmentEvent,
  type EnrollmentRejection,
  rejected,
  type SealedSecret,
} from '@berth/domain';
import { EventStore, streams, type Transacted } from '@berth/event-store';
import { Clock } from '@berth/platform';
import { type DataKey, MasterKey } from '@berth/secrets';
import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { linkedAmong } from '../hub/hub-record.js';
import { metadataOf, type Origin } from '../origin.js';
import { canonicalJson } from './canonical-json.js';
import { transactEnrollment } from './enrollment-record.js';
import { type KeyPair, type KeyRejection, keysFor } from './symmetric-keys.js';

export interface EnrollmentWish extends Omit<EnrollmentData, 'attestation' | 'idempotency'> {
  attestation: AttestationWish;
  /** The same wish with the same key again is answered like the first time; null: nothing is recognised. */
  idempotencyKey: string | null;
}

export type AttestationWish =
  /** Base64, 16–64 bytes each; null has one generated. */
  ({ type: 'symmetricKey' } & KeyPair<string | null>) | { type: 'gateway'; sources: readonly string[] };

export const idempotencyKeyLengthMax = 255;

export type CreateRejection = EnrollmentRejection | KeyRejection | { kind: 'invalidIdempotencyKey'; max: number };

export interface CreateEnrollmentOutcome {
  outcome: Transacted<Enrollment, CreateRejection>;
  /** Keys that Berth generated, base64, and null for one that the wish brought; null when none was generated. */
  generatedKeys: KeyPair<string | null> | null;
}

export class CreateEnrollment extends Command<CreateEnrollmentOutcome> {
  constructor(
    readonly wish: EnrollmentWish,
    readonly origin: Origin,
  ) {
    super();
  }
}

@CommandHandler(CreateEnrollment)
export class CreateEnrollmentHandler implements ICommandHandler<CreateEnrollment> {
  constructor(
    private readonly store: EventStore,
    private readonly masterKey: MasterKey,
    private readonly clock: Clock,
  ) {}

  async execute({ wish, origin }: CreateEnrollment): Promise<CreateEnrollmentOutcome> {
    const { attestation: wished, idempotencyKey, ...rest } = wish;
    const metadata = metadataOf(origin, this.clock);
    const idempotency = idempotencyKey === null ? null : { key: idempotencyKey, inputHash: this.inputHashOf(wish) };
    const linked = await linkedAmong(this.store, wish.hubs);
    const transactWith = (attestation: Attestation, dataKey: DataKeyEvent | null) =>
      transactEnrollment<CreateRejection>(
        this.store,
        wish.registrationId,
        (enrollment) => decide({ ...rest, attestation, idempotency }, enrollment, linked),
        { metadata, dataKey, isLikelyNew: true },
      );

    if (wished.type === 'gateway') return { outcome: await transactWith(wished, null), generatedKeys: null };
    const keys = keysFor(wished);
    if ('kind' in keys) {
      const refuse = () => rejected<CreateRejection>(keys);
      return {
        outcome: await transactEnrollment(this.store, wish.registrationId, refuse, { metadata }),
        generatedKeys: null,
      };
    }
    const dataKey = this.masterKey.newDataKey();
    const outcome = await transactWith(this.sealed(keys, dataKey.key), dataKey.event);
    return {
      outcome,
      generatedKeys: outcome.ok ? await this.generatedKeys(wished, outcome.state, dataKey.event.data) : null,
    };
  }

  private sealed({ primary, secondary }: KeyPair<Buffer>, key: DataKey): Attestation {
    return {
      type: 'symmetricKey',
      primary: this.masterKey.seal(primary, key),
      secondary: this.masterKey.seal(secondary, key),
    };
  }

  /**
   * Read back from what is recorded: whoever got no answer the first time and repeats the wish under its idempotency
   * key would otherwise never learn the keys of its own device.
   */
  private async generatedKeys(
    wished: KeyPair<string | null>,
    enrollment: Enrollment,
    fresh: DataKeyEvent['data'],
  ): Promise<KeyPair<string | null> | null> {
    if (wished.primary !== null && wished.secondary !== null) return null;
    if (enrollment.status === 'none' || enrollment.attestation.type !== 'symmetricKey') return null;
    const { primary, secondary } = enrollment.attestation;
    const dataKey = primary.keyId === fresh.keyId ? fresh : await this.storedDataKey(primary.keyId);
    if (!dataKey) return null;
    const opened = (sealed: SealedSecret) => this.masterKey.open(sealed, dataKey)?.toString('base64') ?? null;
    return {
      primary: wished.primary === null ? opened(primary) : null,
      secondary: wished.secondary === null ? opened(secondary) : null,
    };
  }

  private async storedDataKey(keyId: string): Promise<DataKeyEvent['data'] | null> {
    let stored: DataKeyEvent['data'] | null = null;
    for await (const { event } of this.store.read<DataKeyEvent>(streams.dataKey(keyId))) stored = event.data;
    return stored;
  }

  /** Keyed with the master key, for the wish may hold a symmetric key in the clear. */
  private inputHashOf({ idempotencyKey: _key, ...input }: EnrollmentWish): string {
    return this.masterKey.fingerprint(canonicalJson(input));
  }
}

function decide(
  data: EnrollmentData,
  enrollment: Enrollment,
  linked: ReadonlySet<string>,
): Decision<EnrollmentEvent, CreateRejection> {
  const { idempotency } = data;
  if (idempotency && (idempotency.key === '' || idempotency.key.length > idempotencyKeyLengthMax)) {
    return rejected({ kind: 'invalidIdempotencyKey', max: idempotencyKeyLengthMax });
  }
  return createEnrollment(data, enrollment, linked);
}
