import { type Configuration, type ConfigurationEvent, emptyConfiguration, evolveConfiguration } from '@berth/domain';
import { type StoredEvent } from '@berth/event-store';
import { placeOf } from '../event-place.js';
import { type RecordedLedger } from './recorded-ledger.js';

type OpenSecret = Configuration['openSecret'];

/** The configuration as it was at the positions that pages cite. */
export class ConfigurationThen {
  private folded: Folding;

  constructor(
    private readonly recorded: Pick<RecordedLedger, 'configuration' | 'foreknow'>,
    private readonly openSecret: OpenSecret,
  ) {
    this.folded = new Folding(recorded, openSecret);
  }

  /**
   * The fold of all configuration events up to this position; of none for null. It goes on changing with the next call. Pages cite
   * rising positions, except the first ones of an allocator whose view was behind its predecessor's: then all is folded anew.
   */
  async asOf(position: string | null): Promise<Configuration> {
    const wanted = position === null ? -1n : BigInt(position);
    if (wanted < this.folded.newest) {
      await this.folded.close();
      this.folded = new Folding(this.recorded, this.openSecret);
    }
    await this.folded.upTo(wanted);
    return this.folded.configuration;
  }

  close(): Promise<void> {
    return this.folded.close();
  }
}

class Folding {
  readonly configuration: Configuration;
  /** Position of the newest event folded; -1 before the first. */
  newest = -1n;
  private readonly events: AsyncIterator<StoredEvent<ConfigurationEvent>>;
  /** Read, and not folded yet: the first event that nobody has asked for. */
  private ahead: StoredEvent<ConfigurationEvent> | null = null;

  private readonly begun: Promise<void>;

  constructor({ configuration, foreknow }: Pick<RecordedLedger, 'configuration' | 'foreknow'>, openSecret: OpenSecret) {
    this.configuration = emptyConfiguration(openSecret);
    this.events = configuration()[Symbol.asyncIterator]();
    this.begun = foreknow(this.configuration);
    this.begun.catch(() => undefined);
  }

  async upTo(position: bigint): Promise<void> {
    await this.begun;
    for (;;) {
      if (!this.ahead) {
        const { done, value } = await this.events.next();
        if (done) return;
        this.ahead = value;
      }
      if (this.ahead.position > position) return;
      evolveConfiguration(this.configuration, this.ahead.event, placeOf(this.ahead));
      this.newest = this.ahead.position;
      this.ahead = null;
    }
  }

  async close(): Promise<void> {
    await this.events.return?.();
  }
}
