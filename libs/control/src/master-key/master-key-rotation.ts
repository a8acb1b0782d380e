import {
  beginRotation,
  type DataKeyEvent,
  evolveMasterKeyUse,
  type MasterKeyEvent,
  type MasterKeyRejection,
  type MasterKeyUse,
  noMasterKeyUse,
  type RotationProgress,
} from '@berth/domain';
import {
  dataKeyPrefix,
  type EventMetadata,
  EventStore,
  type Followed,
  noStream,
  RevisionConflict,
  type StoredEvent,
  streams,
  transact,
  type Transacted,
} from '@berth/event-store';
import { Clock } from '@berth/platform';
import { MasterKey } from '@berth/secrets';
import { Injectable, Logger, type OnModuleDestroy } from '@nestjs/common';
import { metadataOf, type Origin } from '../origin.js';

/** Data keys wrapped side by side. */
const keysAtOnce = 64;
/** Looked at before the progress is recorded. */
const batchMax = 1000;

const decider = { initial: noMasterKeyUse, evolve: evolveMasterKeyUse };

export type RotationOutcome = Transacted<MasterKeyUse, MasterKeyRejection>;

/**
 * Wraps every data key by the present master key, in the background. One process at a time does it: another that takes it over has the
 * stream's next revision, and whoever comes too late stops. A data key is wrapped at the revision at which it was read, so that a
 * record that is deleted meanwhile keeps its key destroyed.
 */
@Injectable()
export class MasterKeyRotation implements OnModuleDestroy {
  private readonly logger = new Logger(MasterKeyRotation.name);
  private following: Followed | null = null;
  private isStopped = false;

  constructor(
    private readonly store: EventStore,
    private readonly masterKey: MasterKey,
    private readonly clock: Clock,
  ) {}

  /** Begins, or goes on where a former process was. @param expectedVersion revision the caller saw; undefined: any. @throws StoreUnavailable (retriable). */
  async begin(origin: Origin, expectedVersion?: number): Promise<RotationOutcome> {
    const metadata = metadataOf(origin, this.clock);
    const outcome = await transact<MasterKeyUse, MasterKeyEvent, MasterKeyRejection>(
      this.store,
      streams.masterKey,
      decider,
      (use) => beginRotation(this.masterKey.ring, use),
      { metadata, expectedVersion },
    );
    if (outcome.ok && outcome.state.status === 'rotating' && !this.following) {
      const { position, rewrapped, unopenable } = outcome.state;
      this.run({ position, rewrapped, unopenable }, outcome.version, metadata);
    }
    return outcome;
  }

  /** What is recorded, and the revision of that. */
  async find(): Promise<{ use: MasterKeyUse; version: number }> {
    let use = noMasterKeyUse;
    let version = noStream;
    for await (const { event, revision } of this.store.read<MasterKeyEvent>(streams.masterKey)) {
      use = evolveMasterKeyUse(use, event);
      version = revision;
    }
    return { use, version };
  }

  async onModuleDestroy(): Promise<void> {
    this.isStopped = true;
    await this.following?.stop();
  }

  private run(progress: RotationProgress, from: number, metadata: EventMetadata): void {
    let version = from;
    const record = async (type: 'MasterKeyRotationAdvanced' | 'MasterKeyRotated') => {
      const event = { type, v: 1, data: progress } as const;
      ({ revision: version } = await this.store.append(streams.masterKey, [event], version, metadata));
    };
    const following = this.store.follow<DataKeyEvent>({
      prefixes: [dataKeyPrefix],
      after: progress.position === null ? null : BigInt(progress.position),
      batchMax,
      handle: async (events, position) => {
        const counts = await this.rewrapAll(events, metadata);
        progress = {
          position: String(position),
          rewrapped: progress.rewrapped + counts.rewrapped,
          unopenable: progress.unopenable + counts.unopenable,
        };
        if (counts.rewrapped + counts.unopenable > 0) await record('MasterKeyRotationAdvanced');
      },
    });
    this.following = following;
    Promise.race([following.caughtUp, following.failed])
      // Stopped first, so that nothing is handled any more while the end is recorded.
      .then(() => following.stop())
      .then(() => (this.isStopped ? undefined : record('MasterKeyRotated')))
      .catch((error: unknown) => {
        if (error instanceof RevisionConflict)
          this.logger.log('The rotation of the master key goes on in another process');
        else this.logger.error('The rotation of the master key was interrupted: begin it again to go on', error);
        return following.stop();
      })
      .finally(() => (this.following = null));
  }

  private async rewrapAll(
    events: readonly StoredEvent<DataKeyEvent>[],
    metadata: EventMetadata,
  ): Promise<Pick<RotationProgress, 'rewrapped' | 'unopenable'>> {
    const counts = { rewrapped: 0, unopenable: 0 };
    const waiting = events.values();
    const worker = async () => {
      for (const stored of waiting) {
        const done = this.isStopped ? null : await this.rewrap(stored, metadata);
        if (done) counts[done] += 1;
      }
    };
    await Promise.all(Array.from({ length: keysAtOnce }, worker));
    // What was left out is looked at again by whoever goes on.
    if (this.isStopped) throw new Error('Berth was stopped');
    return counts;
  }

  private async rewrap(
    { event, stream, revision }: StoredEvent<DataKeyEvent>,
    metadata: EventMetadata,
  ): Promise<'rewrapped' | 'unopenable' | null> {
    if (event.data.masterKeyId === this.masterKey.id) {
      // Whoever wrapped it may have ended before it looked.
      if (event.type === 'DataKeyRewrapped') await this.leaveDestroyed(stream, revision);
      return null;
    }
    const rewrapped = this.masterKey.rewrap(event.data);
    if (!rewrapped) return (await this.isNewest(stream, revision)) ? 'unopenable' : null;
    try {
      const appended = await this.store.append(stream, [rewrapped], revision, metadata);
      await this.leaveDestroyed(stream, appended.revision);
      return 'rewrapped';
    } catch (error) {
      // Wrapped anew before, or deleted with its record.
      if (error instanceof RevisionConflict) return null;
      throw error;
    }
  }

  private async isNewest(stream: string, revision: number): Promise<boolean> {
    for await (const newest of this.store.read(stream, { backwards: true, maxCount: 1 })) {
      return newest.revision === revision;
    }
    return false;
  }

  /** An append at the last revision brings back a stream that was deleted just before; it then has that event alone. */
  private async leaveDestroyed(stream: string, revision: number): Promise<void> {
    for await (const first of this.store.read(stream, { maxCount: 1 })) {
      if (first.revision === revision) await this.store.delete(stream);
    }
  }
}
