import {
  createEnrollmentGroup,
  type DataKeyEvent,
  type Decision,
  type EnrollmentGroup,
  type EnrollmentGroupData,
  type EnrollmentGroupEvent,
  type EnrollmentGroupRejection,
  type Limit,
  rejected,
  type Surroundings,
} from '@berth/domain';
import { EventStore } from '@berth/event-store';
import { Clock } from '@berth/platform';
import { ReadModel } from '@berth/read-model';
import { MasterKey } from '@berth/secrets';
import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { type GroupAttestationWish } from '../attestation/attestation-wish.js';
import { generatedKeysOf } from '../attestation/kept-keys.js';
import { type KeyPair } from '../attestation/symmetric-keys.js';
import { canonicalJson } from '../canonical-json.js';
import { linkedAmong } from '../hub/hub-record.js';
import { faultInIdempotencyKey, type IdempotencyRejection } from '../idempotency.js';
import { Limits } from '../limits.js';
import { metadataOf, type Origin } from '../origin.js';
import { ownWritesShown } from '../own-writes.js';
import { type GroupWishRejection, prepareGroupAttestation } from './group-attestation.js';
import { type EnrollmentGroupOutcome, transactGroup } from './group-record.js';

export interface EnrollmentGroupWish extends Omit<EnrollmentGroupData, 'attestation' | 'idempotency'> {
  attestation: GroupAttestationWish;
  /** The same wish with the same key again is answered like the first time; null: nothing is recognised. */
  idempotencyKey: string | null;
}

export type CreateGroupRejection = EnrollmentGroupRejection | GroupWishRejection | IdempotencyRejection;

export interface CreateEnrollmentGroupOutcome {
  outcome: EnrollmentGroupOutcome<CreateGroupRejection>;
  /** Keys that Berth generated, base64, and null for one that the wish brought; null when none was generated. */
  generatedKeys: KeyPair<string | null> | null;
}

export class CreateEnrollmentGroup extends Command<CreateEnrollmentGroupOutcome> {
  constructor(
    readonly wish: EnrollmentGroupWish,
    readonly origin: Origin,
  ) {
    super();
  }
}

@CommandHandler(CreateEnrollmentGroup)
export class CreateEnrollmentGroupHandler implements ICommandHandler<CreateEnrollmentGroup> {
  constructor(
    private readonly store: EventStore,
    private readonly readModel: ReadModel,
    private readonly masterKey: MasterKey,
    private readonly limits: Limits,
    private readonly clock: Clock,
  ) {}

  /** @throws ReadModelLagging (retriable) when nobody can tell how many groups there are. */
  async execute({ wish, origin }: CreateEnrollmentGroup): Promise<CreateEnrollmentGroupOutcome> {
    const { attestation: wished, idempotencyKey, ...rest } = wish;
    const metadata = metadataOf(origin, this.clock);
    const prepared = await prepareGroupAttestation(wished, this.store, this.masterKey);
    if ('kind' in prepared) {
      const refuse = () => rejected<CreateGroupRejection>(prepared);
      return { outcome: await transactGroup(this.store, wish.name, refuse, { metadata }), generatedKeys: null };
    }
    const { attestation, dataKey, certificates } = prepared;
    const idempotency = idempotencyKey === null ? null : { key: idempotencyKey, inputHash: this.inputHashOf(wish) };
    const data = { ...rest, attestation, idempotency };
    const surroundings = {
      linked: await linkedAmong(this.store, wish.hubs),
      at: this.clock.now(),
      limit: await this.limitOf(wished),
    };
    const outcome: EnrollmentGroupOutcome<CreateGroupRejection> = await transactGroup(
      this.store,
      wish.name,
      (group) => decide(data, group, surroundings),
      { metadata, dataKey, certificates },
    );
    return { outcome, generatedKeys: await this.generatedKeys(wished, outcome, dataKey) };
  }

  /** As many as the read model shows: of those that are created at the same moment elsewhere some may exceed the limit. */
  private async limitOf({ type }: GroupAttestationWish): Promise<Limit> {
    await ownWritesShown(this.store, this.readModel, 'how many enrollment groups there are');
    const withKeys = type === 'symmetricKey';
    const count = await this.readModel.enrollmentGroupCount(withKeys);
    return { count, max: withKeys ? this.limits.groupsWithKeysMax : this.limits.groupsWithCertificatesMax };
  }

  private async generatedKeys(
    wished: GroupAttestationWish,
    outcome: EnrollmentGroupOutcome<CreateGroupRejection>,
    fresh: DataKeyEvent | null,
  ): Promise<KeyPair<string | null> | null> {
    if (wished.type !== 'symmetricKey' || !outcome.ok || outcome.state.status === 'none') return null;
    const { attestation } = outcome.state;
    if (attestation.type !== 'symmetricKey') return null;
    return generatedKeysOf(wished, attestation, this.store, this.masterKey, fresh);
  }

  /** Keyed with the master key, for the wish may hold a symmetric key in the clear. */
  private inputHashOf({ idempotencyKey: _key, ...input }: EnrollmentGroupWish): string {
    return this.masterKey.fingerprint(canonicalJson(input));
  }
}

function decide(
  data: EnrollmentGroupData,
  group: EnrollmentGroup,
  surroundings: Surroundings & { limit: Limit },
): Decision<EnrollmentGroupEvent, CreateGroupRejection> {
  const fault = faultInIdempotencyKey(data.idempotency);
  return fault ? rejected(fault) : createEnrollmentGroup(data, group, surroundings);
}
