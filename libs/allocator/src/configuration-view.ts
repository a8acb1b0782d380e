import { type Configuration, type ConfigurationEvent, emptyConfiguration, evolveConfiguration } from '@berth/domain';
import { configurationPrefixes, type EventStreams, type Followed, type StoredEvent } from '@berth/event-store';
import { type MasterKey } from '@berth/secrets';
import { placeOf } from './event-place.js';
import { randomHashKey } from './hash-key.js';
import { foreknowRewrapped } from './rewrapped-keys.js';
import { type ConfigurationSnapshots, type FoldedConfiguration } from './snapshots/configuration-snapshots.js';

/** The configuration as far as this process has read it: enrollments with their keys opened, hubs and policy, kept in memory. */
export class ConfigurationView {
  configuration: Configuration;
  /** Position of the newest configuration event folded; null before the first. */
  newest: bigint | null = null;
  /** Every event up to there is folded in; null before the first. */
  private position: bigint | null = null;
  private readonly starting: Promise<Followed>;
  private following: Followed | null = null;
  private hasForeknown = false;

  /** @param snapshots absent: the whole past is read at every start. */
  constructor(
    private readonly store: EventStreams,
    private readonly masterKey: MasterKey,
    private readonly snapshots: ConfigurationSnapshots | null = null,
  ) {
    this.configuration = this.empty();
    this.starting = this.start();
    this.starting.catch(() => undefined);
  }

  /** How far it is behind the event store; null while that is not known. */
  get lagMs(): number | null {
    return this.following?.lagMs ?? null;
  }

  get caughtUp(): Promise<void> {
    return this.starting.then(({ caughtUp }) => caughtUp);
  }

  get failed(): Promise<never> {
    return this.starting.then(({ failed }) => failed);
  }

  /** Resolves true once everything up to `position` is folded in, false when `deadlineMs` passed before. */
  async reached(position: bigint, deadlineMs: number): Promise<boolean> {
    return (await this.starting).reached(position, deadlineMs);
  }

  async stop(): Promise<void> {
    await this.snapshots?.stop();
    const following = await this.starting.catch(() => null);
    await following?.stop();
  }

  private empty(): Configuration {
    return emptyConfiguration((sealed, dataKey) => this.masterKey.open(sealed, dataKey), randomHashKey());
  }

  private async start(): Promise<Followed> {
    const restored = (await this.snapshots?.load(() => this.empty())) ?? null;
    if (restored) ({ configuration: this.configuration, position: this.position, newest: this.newest } = restored);
    const following = this.store.follow<ConfigurationEvent>({
      prefixes: configurationPrefixes,
      after: this.position,
      handle: (events, position) => this.fold(events, position),
    });
    this.following = following;
    following.caughtUp.then(
      () => {
        // What is left is of records that are no more.
        this.configuration.rewrapped.clear();
        this.considerSnapshot();
      },
      () => undefined,
    );
    return following;
  }

  private async fold(events: readonly StoredEvent<ConfigurationEvent>[], position: bigint): Promise<void> {
    if (!this.hasForeknown && events.some(({ event }) => this.isLocked(event))) {
      this.hasForeknown = true;
      await foreknowRewrapped(this.store, this.configuration);
    }
    for (const stored of events) {
      evolveConfiguration(this.configuration, stored.event, placeOf(stored));
      this.newest = stored.position;
    }
    this.position = position;
    this.snapshots?.folded(events, () => this.folded());
    if (this.following?.live) this.considerSnapshot();
  }

  /** No key here opens it. Of the past only: what comes then is wrapped by a key that this process doesn't know yet. */
  private isLocked(event: ConfigurationEvent): boolean {
    const isWrap = event.type === 'DataKeyCreated' && !this.following?.live;
    return isWrap && !this.masterKey.holds(event.data.masterKeyId);
  }

  /** Not while catching up: what comes next is waited for. */
  private considerSnapshot(): void {
    if (this.newest !== null) this.snapshots?.consider(this.folded());
  }

  private folded(): FoldedConfiguration {
    return { configuration: this.configuration, position: this.position as bigint, newest: this.newest as bigint };
  }
}
