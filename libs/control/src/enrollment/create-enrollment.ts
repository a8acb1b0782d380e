import {
  createEnrollment,
  type DataKeyEvent,
  type Decision,
  type Enrollment,
  type EnrollmentData,
  type EnrollmentEvent,
  type EnrollmentRejection,
  rejected,
  type Surroundings,
  thumbprintsOf,
} from '@berth/domain';
import { EventStore } from '@berth/event-store';
import { Clock } from '@berth/platform';
import { MasterKey } from '@berth/secrets';
import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { type AttestationWish, prepareAttestation, type WishRejection } from '../attestation/attestation-wish.js';
import { generatedKeysOf } from '../attestation/kept-keys.js';
import { type KeyPair } from '../attestation/symmetric-keys.js';
import { canonicalJson } from '../canonical-json.js';
import { linkedAmong } from '../hub/hub-record.js';
import { faultInIdempotencyKey, type IdempotencyRejection } from '../idempotency.js';
import { metadataOf, type Origin } from '../origin.js';
import { type EnrollmentOutcome, transactEnrollment } from './enrollment-record.js';

export interface EnrollmentWish extends Omit<EnrollmentData, 'attestation' | 'idempotency'> {
  attestation: AttestationWish;
  /** The same wish with the same key again is answered like the first time; null: nothing is recognised. */
  idempotencyKey: string | null;
}

export type CreateRejection = EnrollmentRejection | WishRejection | IdempotencyRejection;

export interface CreateEnrollmentOutcome {
  outcome: EnrollmentOutcome<CreateRejection>;
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
    const prepared = prepareAttestation(wished, this.masterKey);
    if ('kind' in prepared) {
      const refuse = () => rejected<CreateRejection>(prepared);
      const outcome = await transactEnrollment<CreateRejection>(this.store, wish.registrationId, refuse, { metadata });
      return { outcome, generatedKeys: null };
    }
    const { attestation, dataKey } = prepared;
    const idempotency = idempotencyKey === null ? null : { key: idempotencyKey, inputHash: this.inputHashOf(wish) };
    const data = { ...rest, attestation, idempotency };
    const surroundings = { linked: await linkedAmong(this.store, wish.hubs), at: this.clock.now() };
    const outcome = await transactEnrollment<CreateRejection>(
      this.store,
      wish.registrationId,
      (enrollment) => decide(data, enrollment, surroundings),
      {
        ...{ metadata, dataKey, isLikelyNew: true },
        certificates: thumbprintsOf(attestation).map((thumbprint) => ({ thumbprint, caCertificate: null })),
      },
    );
    return { outcome, generatedKeys: await this.generatedKeys(wished, outcome, dataKey) };
  }

  private async generatedKeys(
    wished: AttestationWish,
    outcome: EnrollmentOutcome<CreateRejection>,
    fresh: DataKeyEvent | null,
  ): Promise<KeyPair<string | null> | null> {
    if (wished.type !== 'symmetricKey' || !outcome.ok || outcome.state.status === 'none') return null;
    const { attestation } = outcome.state;
    if (attestation.type !== 'symmetricKey') return null;
    return generatedKeysOf(wished, attestation, this.store, this.masterKey, fresh);
  }

  /** Keyed with the master key, for the wish may hold a symmetric key in the clear. */
  private inputHashOf({ idempotencyKey: _key, ...input }: EnrollmentWish): string {
    return this.masterKey.fingerprint(canonicalJson(input));
  }
}

function decide(
  data: EnrollmentData,
  enrollment: Enrollment,
  surroundings: Surroundings,
): Decision<EnrollmentEvent, CreateRejection> {
  const fault = faultInIdempotencyKey(data.idempotency);
  return fault ? rejected(fault) : createEnrollment(data, enrollment, surroundings);
}
