import {
  createEnrollment,
  type Decision,
  type Enrollment,
  type EnrollmentData,
  type EnrollmentEvent,
  type EnrollmentRejection,
  rejected,
  type Surroundings,
} from '@berth/domain';
import { EventStore } from '@berth/event-store';
import { Clock } from '@berth/platform';
import { MasterKey } from '@berth/secrets';
import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { type AttestationWish, prepareAttestation, type WishRejection } from '../attestation/attestation-wish.js';
import { generatedKeysOf } from '../attestation/kept-keys.js';
import { type KeyPair } from '../attestation/symmetric-keys.js';
import { HubLookUp } from '../hub/hub-record.js';
import { faultInIdempotencyKey, idempotencyOf, type IdempotencyRejection } from '../idempotency.js';
import { metadataOf, type Origin } from '../origin.js';
import { WebhookHosts } from '../webhook-hosts.js';
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
    /** Shared by enrollments that are made together. */
    readonly hubs?: HubLookUp,
  ) {
    super();
  }
}

@CommandHandler(CreateEnrollment)
export class CreateEnrollmentHandler implements ICommandHandler<CreateEnrollment> {
  constructor(
    private readonly store: EventStore,
    private readonly masterKey: MasterKey,
    private readonly webhooks: WebhookHosts,
    private readonly clock: Clock,
  ) {}

  async execute({
    wish,
    origin,
    hubs = new HubLookUp(this.store),
  }: CreateEnrollment): Promise<CreateEnrollmentOutcome> {
    const { attestation: wished, idempotencyKey: _key, ...rest } = wish;
    const metadata = metadataOf(origin, this.clock);
    const prepared = prepareAttestation(wished, this.masterKey);
    if ('kind' in prepared) {
      const refuse = () => rejected<CreateRejection>(prepared);
      const outcome = await transactEnrollment<CreateRejection>(this.store, wish.registrationId, refuse, { metadata });
      return { outcome, generatedKeys: null };
    }
    const { attestation, dataKey, certificates } = prepared;
    const surroundings = {
      linked: await hubs.linkedAmong(wish.hubs),
      webhookHosts: this.webhooks.hosts,
      at: this.clock.now(),
    };
    const outcome = await transactEnrollment<CreateRejection>(
      this.store,
      wish.registrationId,
      (enrollment) => {
        const recorded = enrollment.status === 'enrolled' ? enrollment.idempotency : null;
        const idempotency = idempotencyOf(wish, this.masterKey, recorded);
        return decide({ ...rest, attestation, idempotency }, enrollment, surroundings);
      },
      { metadata, dataKey, certificates, isLikelyNew: true },
    );
    const generatedKeys = await generatedKeysOf(wished, outcome, this.store, this.masterKey, dataKey);
    return { outcome, generatedKeys };
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
