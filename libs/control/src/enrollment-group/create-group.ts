import {
  createEnrollmentGroup,
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
import { linkedAmong } from '../hub/hub-record.js';
import { faultInIdempotencyKey, idempotencyOf, type IdempotencyRejection } from '../idempotency.js';
import { Limits } from '../limits.js';
import { metadataOf, type Origin } from '../origin.js';
import { WebhookHosts } from '../webhook-hosts.js';
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
    private readonly webhooks: WebhookHosts,
    private readonly clock: Clock,
  ) {}

  /** @throws ReadModelLagging (retriable) when nobody can tell how many groups there are. */
  async execute({ wish, origin }: CreateEnrollmentGroup): Promise<CreateEnrollmentGroupOutcome> {
    const { attestation: wished, idempotencyKey: _key, ...rest } = wish;
    const metadata = metadataOf(origin, this.clock);
    const prepared = await prepareGroupAttestation(wished, this.store, this.masterKey);
    if ('kind' in prepared) {
      const refuse = () => rejected<CreateGroupRejection>(prepared);
      return { outcome: await transactGroup(this.store, wish.name, refuse, { metadata }), generatedKeys: null };
    }
    const { attestation, dataKey, certificates } = prepared;
    const surroundings = {
      linked: await linkedAmong(this.store, wish.hubs),
      webhookHosts: this.webhooks.hosts,
      at: this.clock.now(),
      limit: await this.limitOf(wished),
    };
    const outcome: EnrollmentGroupOutcome<CreateGroupRejection> = await transactGroup(
      this.store,
      wish.name,
      (group) => {
        const recorded = group.status === 'enrolled' ? group.idempotency : null;
        const idempotency = idempotencyOf(wish, this.masterKey, recorded);
        return decide({ ...rest, attestation, idempotency }, group, surroundings);
      },
      { metadata, dataKey, certificates },
    );
    const generatedKeys = await generatedKeysOf(wished, outcome, this.store, this.masterKey, dataKey);
    return { outcome, generatedKeys };
  }

  /** As many as the read model shows: of those that are created at the same moment elsewhere some may exceed the limit. */
  private async limitOf({ type }: GroupAttestationWish): Promise<Limit> {
    await ownWritesShown(this.store, this.readModel, 'how many enrollment groups there are');
    const withKeys = type === 'symmetricKey';
    const count = await this.readModel.enrollmentGroupCount(withKeys);
    return { count, max: withKeys ? this.limits.groupsWithKeysMax : this.limits.groupsWithCertificatesMax };
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
