import { type CapacityEvent, type LoadEvent, LoadView } from '@berth/domain';
import { type EventStreams, type Followed, sharedPrefixes, type StoredEvent } from '@berth/event-store';
import { type ClaimedPartition } from '../claimed-partition.js';
import { CapacityLeases } from './capacity-leases.js';
import { type HubLeasesOptions } from './hub-leases.js';
import { LoadReports } from './load-reports.js';

type SharedEvent = CapacityEvent | LoadEvent;

/** What an allocator and the others tell each other, by streams of the event store: loads of hubs, and leases of places. */
export class Peers {
  readonly loads: LoadView;
  readonly leases: CapacityLeases;
  private readonly reports: LoadReports;
  private following: Followed | null = null;
  private isStopped = false;

  /** @param fail hears that what the others say can't be read any more. */
  constructor(
    private readonly options: HubLeasesOptions & { store: EventStreams },
    private readonly fail: (error: unknown) => void,
  ) {
    this.loads = new LoadView(options.partitions);
    this.leases = new CapacityLeases(options);
    this.reports = new LoadReports({ ...options, loads: this.loads }, fail);
  }

  /** A partition is ours. */
  claimed({ ledger, claimedAt }: ClaimedPartition): void {
    this.loads.claimed(ledger);
    this.listen(claimedAt);
    this.reports.changed();
  }

  /** A partition is no longer ours. */
  givenUp({ ledger }: ClaimedPartition): void {
    this.loads.givenUp(ledger);
    this.reports.changed();
  }

  /** Nothing is under way in a partition any more; devices have left these hubs, by key. */
  settled(left: readonly string[]): void {
    this.reports.changed();
    this.leases.settled();
    for (const hub of left) this.leases.departed(hub);
  }

  async stop(): Promise<void> {
    this.isStopped = true;
    this.reports.stop();
    await this.following?.stop();
  }

  /** Hears all that is said from our first claim on; what was said before is read where it matters. */
  private listen(after: bigint): void {
    if (this.following || this.isStopped) return;
    this.following = this.options.store.follow<SharedEvent>({
      prefixes: sharedPrefixes,
      after,
      handle: (events) => {
        for (const stored of events) {
          if (isLease(stored)) this.leases.heard(stored);
          else this.reports.heard(stored as StoredEvent<LoadEvent>);
        }
      },
    });
    this.following.failed.catch(this.fail);
  }
}

function isLease(stored: StoredEvent<SharedEvent>): stored is StoredEvent<CapacityEvent> {
  return stored.event.type === 'CapacityLeased';
}
