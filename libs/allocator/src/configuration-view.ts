import { type ConfigurationEvent, type Configuration, emptyConfiguration, evolveConfiguration } from '@berth/domain';
import { type MasterKey } from '@berth/secrets';
import { placeOf } from './event-place.js';
import { randomHashKey } from './hash-key.js';
import { configurationPrefixes, type EventStreams, type Followed } from '@berth/event-store';

/** The configuration as far as this process has read it: enrollments with their keys opened, hubs and policy, kept in memory. */
export class ConfigurationView {
  readonly configuration: Configuration;
  /** Position of the newest configuration event folded; null before the first. */
  newest: bigint | null = null;
  private readonly following: Followed;

  constructor(store: EventStreams, masterKey: MasterKey) {
    this.configuration = emptyConfiguration((sealed, dataKey) => masterKey.open(sealed, dataKey), randomHashKey());
    this.following = store.follow<ConfigurationEvent>({
      prefixes: configurationPrefixes,
      after: null,
      handle: (events) => {
        for (const stored of events) {
          evolveConfiguration(this.configuration, stored.event, placeOf(stored));
          this.newest = stored.position;
        }
      },
    });
  }

  /** How far it is behind the event store; null while that is not known. */
  get lagMs(): number | null {
    return this.following.lagMs;
  }

  get caughtUp(): Promise<void> {
    return this.following.caughtUp;
  }

  get failed(): Promise<never> {
    return this.following.failed;
  }

  /** Resolves true once everything up to `position` is folded in, false when `deadlineMs` passed before. */
  reached(position: bigint, deadlineMs: number): Promise<boolean> {
    return this.following.reached(position, deadlineMs);
  }

  stop(): Promise<void> {
    return this.following.stop();
  }
}
