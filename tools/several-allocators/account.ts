import { type CapacityEvent, type LedgerEvent } from '@berth/domain';
import { type EventStore, type Followed, type StoredEvent } from '@berth/event-store';

/** How the loads stood when a page was stored. */
export interface Moment {
  /** Devices on hubs without a capacity. */
  devices: number;
  /** From the fullest to the emptiest of these hubs. */
  gap: number;
}

/** Follows all ledgers and keeps its own account of who is where. */
export class Account {
  /** Messages decided. */
  decided = 0;
  /** Registration ids of the devices that were refused, with the reason of the last refusal. */
  readonly refused = new Map<string, string>();
  /** The most devices that each hub has ever had. */
  readonly most = new Map<string, number>();
  readonly books = { written: 0, by: '' };
  reports = 0;
  /** After each page. */
  readonly moments: Moment[] = [];
  private readonly loads = new Map<string, number>();
  private readonly following: Followed;

  constructor(store: EventStore) {
    this.following = store.follow<LedgerEvent | CapacityEvent>({
      prefixes: ['ledger-', 'capacity-', 'loads-'],
      after: null,
      handle: (events) => {
        for (const stored of events) this.hear(stored);
      },
    });
  }

  load(hub: string): number {
    return this.loads.get(hub) ?? 0;
  }

  stop(): Promise<void> {
    return this.following.stop();
  }

  private hear({ event, stream, metadata }: StoredEvent<LedgerEvent | CapacityEvent>): void {
    if (stream.startsWith('loads-')) this.reports += 1;
    if (event.type === 'CapacityLeased') {
      this.books.written += 1;
      this.books.by = metadata?.actor ?? '';
    }
    if (event.type !== 'DecisionsRecorded') return;
    this.decided += event.data.outcomes.length + event.data.unchanged.length;
    for (const outcome of event.data.outcomes) {
      if (outcome.type === 'RegistrationRejected') {
        this.refused.set(outcome.registrationId, outcome.reason);
        continue;
      }
      if (outcome.type !== 'DeviceAssigned') throw new Error(`No device is ever moved here: ${outcome.type}`);
      this.refused.delete(outcome.registrationId);
      const load = this.load(outcome.hub) + 1;
      this.loads.set(outcome.hub, load);
      this.most.set(outcome.hub, Math.max(this.most.get(outcome.hub) ?? 0, load));
    }
    const even = [...this.loads].flatMap(([hub, load]) => (hub.startsWith('even-') ? [load] : []));
    if (even.length === 0) return;
    const devices = even.reduce((sum, load) => sum + load, 0);
    this.moments.push({ devices, gap: Math.max(...even) - Math.min(...even) });
  }
}
