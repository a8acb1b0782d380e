import { type CapacityEvent, hubKey, type Leases } from '@berth/domain';
import { type StoredEvent } from '@berth/event-store';
import { type ClaimedPartition } from '../claimed-partition.js';
import { HubLeases, type HubLeasesOptions } from './hub-leases.js';

/**
 * Keeps the places of hubs with a capacity for the partitions that are ours: leases places when a device wants one, and gives
 * back what others want. No keeper is elected, watched and replaced: whoever wants a place writes the hub's book
 * (`CapacityBook`) itself, at the exact revision, and who was slower reads it again.
 */
export class CapacityLeases {
  /** By hub key, those with a capacity. */
  private readonly hubs = new Map<string, HubLeases>();
  /** Hubs on which a partition has asked for places for its next device. */
  private readonly asked = new WeakMap<ClaimedPartition, readonly HubLeases[]>();
  /** Hubs whose book wants a line of a partition of ours that something was under way in. */
  private readonly due = new Set<HubLeases>();

  constructor(private readonly options: HubLeasesOptions) {}

  /** For the partition's next page. @param mayWait whether a device can wait for a place. */
  of(partition: ClaimedPartition, mayWait: boolean): Leases {
    for (const hub of this.asked.get(partition) ?? []) hub.served(partition);
    this.asked.delete(partition);
    return {
      places: ({ key }) => this.hub(key).places(partition, mayWait),
      filled: ({ key }) => this.hub(key).filled(partition),
    };
  }

  /**
   * Asks for places on these hubs, and waits until the partition has one on the first or none is to be had, 2 s at most.
   * Called when the partition is settled. @returns whether that is known. @throws StoreUnavailable (retriable).
   */
  async lease(partition: ClaimedPartition, [first, ...others]: readonly [string, ...string[]]): Promise<boolean> {
    const hub = this.hub(first);
    const more = others.map((key) => this.hub(key));
    this.asked.set(partition, [hub, ...more]);
    const [isKnown] = await Promise.all([hub.await(partition), ...more.map((other) => other.ask(partition))]);
    return isKnown;
  }

  /** What somebody wrote. */
  heard({ event, revision }: StoredEvent<CapacityEvent>): void {
    const hub = this.hub(hubKey(event.data.hub));
    hub.heard(event.data, revision);
    this.attend(hub);
  }

  /** Devices have left a hub: others may want their places. */
  departed(key: string): void {
    const capacity = this.options.view.configuration.hubs.get(key)?.capacity ?? null;
    if (capacity !== null) this.attend(this.hub(key));
  }

  /** In a partition nothing is under way any more. */
  settled(): void {
    for (const hub of this.due) this.attend(hub);
  }

  /** In the background: if the store is away, whoever waits asks once more. */
  private attend(hub: HubLeases): void {
    this.due.delete(hub);
    if (!hub.isWanted) return;
    const written = hub.write().then(() => {
      if (hub.isWanted) this.due.add(hub);
    });
    written.catch(() => undefined);
  }

  private hub(key: string): HubLeases {
    let hub = this.hubs.get(key);
    if (!hub) this.hubs.set(key, (hub = new HubLeases(key, this.options)));
    return hub;
  }
}
