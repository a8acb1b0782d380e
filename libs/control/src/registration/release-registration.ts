import { isRegistrationId, registrationKey, type ReleaseEvent } from '@berth/domain';
import { type BerthEvent, configurationPrefixes, EventStore, noStream, streams } from '@berth/event-store';
import { Clock } from '@berth/platform';
import { partitionOf, RegistrationLog, releaseRecord, topics } from '@berth/registration-log';
import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { createHash, randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { type Origin } from '../origin.js';

export type ReleaseRejection =
  { kind: 'invalidRegistrationId' } | { kind: 'registrationNotFound'; registrationId: string };

export type ReleaseOutcome =
  /** `hub`: the one that has one device less; null when the device was on none. */
  | { ok: true; hub: string | null; position: bigint }
  | { ok: false; rejection: ReleaseRejection; position: bigint | null };

/** Forgets a device's registration: its hub has one device less, and its next registration is an initial assignment. */
export class ReleaseRegistration extends Command<ReleaseOutcome> {
  constructor(
    readonly data: {
      registrationId: string;
      /** Makes asking again safe: the same key of the same caller is the same release. */
      idempotencyKey: string | null;
    },
    readonly origin: Origin,
  ) {
    super();
  }
}

/** How long a release may wait for its allocator. One that takes a partition over from a dead one needs more. */
const decisionDeadlineMs = 5_000;
/** Between two looks at the ledger, doubling. */
const lookMs = { first: 5, longest: 200 };

/** No allocator has decided the release in time. It stays in the log, and will be decided. */
export class ReleaseUndecided extends Error {
  readonly code = 'RELEASE_UNDECIDED';
  readonly retriable = true;
}

/** A device has one writer, the allocator of its partition: the wish goes there, and its answer is read from the ledger. */
@CommandHandler(ReleaseRegistration)
export class ReleaseRegistrationHandler implements ICommandHandler<ReleaseRegistration> {
  constructor(
    private readonly store: EventStore,
    private readonly log: RegistrationLog,
    private readonly clock: Clock,
  ) {}

  /**
   * @throws ReleaseUndecided (retriable) when no allocator has decided it in time.
   * @throws LogFault (some retriable) when the log doesn't take it.
   */
  async execute({ data: { registrationId, idempotencyKey }, origin }: ReleaseRegistration): Promise<ReleaseOutcome> {
    if (!isRegistrationId(registrationId)) {
      return { ok: false, rejection: { kind: 'invalidRegistrationId' }, position: null };
    }
    const { actor } = origin;
    const requestId = idempotencyKey === null ? randomUUID() : keyedId(actor, idempotencyKey);
    const at = new Date(this.clock.now()).toISOString();
    const partition = partitionOf(registrationKey(registrationId), await this.log.partitionCount(topics.registrations));
    // Asked before the message is sent: its outcome comes after.
    const from = await this.nextRevision(partition);
    // What this process has changed before holds for the device from now on: whoever shut it out doesn't see it come in again.
    const changed = this.store.newestAppended(configurationPrefixes);
    const wish = { requestId, registrationId, actor, ...(changed !== null && { minPosition: String(changed) }) };
    const [receipt] = await this.log.publish(topics.registrations, [releaseRecord(wish, at)]);
    if (!receipt) throw new Error('The log gave no receipt for a release');
    const { event, position } = await this.decided(partition, receipt.offset, from);
    if (event.type === 'RegistrationReleased') return { ok: true, hub: event.data.hub, position };
    return { ok: false, rejection: { kind: 'registrationNotFound', registrationId }, position };
  }

  private async nextRevision(partition: number): Promise<number> {
    const newest = this.store.read<BerthEvent>(streams.ledger(partition), { backwards: true, maxCount: 1 });
    for await (const { revision } of newest) return revision + 1;
    return noStream + 1;
  }

  /** What the partition's ledger says of the message at `offset`, looked for from a revision on, as it grows. */
  private async decided(
    partition: number,
    offset: number,
    from: number,
  ): Promise<{ event: ReleaseEvent; position: bigint }> {
    const stream = streams.ledger(partition);
    const end = performance.now() + decisionDeadlineMs;
    for (let pause = lookMs.first; performance.now() < end; pause = Math.min(pause * 2, lookMs.longest)) {
      for await (const { event, revision, position } of this.store.read<BerthEvent>(stream, { from })) {
        if (isRelease(event) && event.data.offset === offset) return { event, position };
        from = revision + 1;
      }
      await delay(pause);
    }
    throw new ReleaseUndecided(`No allocator has decided message ${offset} of partition ${partition} yet`);
  }
}

function isRelease(event: BerthEvent): event is ReleaseEvent {
  return event.type === 'RegistrationReleased' || event.type === 'ReleaseRefused';
}

function keyedId(actor: string, idempotencyKey: string): string {
  return createHash('sha256')
    .update(JSON.stringify([actor, idempotencyKey]))
    .digest('base64url');
}
