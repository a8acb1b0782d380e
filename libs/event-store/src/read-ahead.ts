import { type AllStreamResolvedEvent, type AllStreamSubscription } from '@eventstore/db-client';

/** What arrives in order on a subscription, besides events. */
export type Marker = { checkpoint: bigint } | { caughtUp: true };
export type Item = AllStreamResolvedEvent | Marker;

/** Items held at most. */
const itemsMax = 2048;
/**
 * Bytes of the store's log that the items held may come from, at most, the last of them not counted. Positions are byte offsets,
 * so this is no less than what the events weigh; what lies between them is counted, too.
 */
const bytesMax = 8n * 1024n * 1024n;

/**
 * Takes items from a subscription while those before them are being handled, so that neither waits for the other. When it is
 * full the subscription is left alone, which pushes the connection back.
 */
export class ReadAhead {
  private entries: { item: Item; position: bigint }[] = [];
  private newest = 0n;
  private wake: () => void = () => undefined;
  /** The subscription has ended; what is still held may be given up, for the next one begins after what was handled. */
  isOver = false;

  constructor(private readonly subscription: AllStreamSubscription) {
    const end = () => {
      this.isOver = true;
      this.wake();
    };
    // They stay on: a second error that nobody hears would be uncaught.
    subscription.on('error', end).on('close', end);
    subscription.on('readable', () => this.fill());
  }

  /** The next items, oldest first; none when none has come yet. */
  take(countMax: number): Item[] {
    const taken = this.entries.slice(0, countMax);
    this.entries = this.entries.slice(countMax);
    this.fill();
    return taken.map(({ item }) => item);
  }

  get isEmpty(): boolean {
    return this.entries.length === 0;
  }

  /** Resolves when there is an item to take, or never will be. */
  async filled(): Promise<void> {
    if (this.isEmpty && !this.isOver) await new Promise<void>((resolve) => (this.wake = resolve));
  }

  private fill(): void {
    while (!this.isFull()) {
      const item = this.subscription.read() as Item | null;
      if (item === null) break;
      if ('checkpoint' in item) this.newest = item.checkpoint;
      else if ('event' in item && item.event) this.newest = item.event.position.commit;
      this.entries.push({ item, position: this.newest });
    }
    if (!this.isEmpty) this.wake();
  }

  private isFull(): boolean {
    const [oldest] = this.entries;
    return oldest !== undefined && (this.entries.length >= itemsMax || this.newest - oldest.position >= bytesMax);
  }
}
