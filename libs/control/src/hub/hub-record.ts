import {
  type Decision,
  evolveHub,
  type Hub,
  type HubEvent,
  type HubRejection,
  hubKey,
  isHubName,
  noHub,
  staticHubsMax,
} from '@berth/domain';
import { type EventStore, streams, type Transacted } from '@berth/event-store';
import { type Belongings, type RecordOptions, refusalWithoutStream, transactRecord } from '../record.js';

export type HubOutcome = Transacted<Hub, HubRejection>;

const decider = { initial: noHub, evolve: evolveHub };

export async function transactHub(
  store: EventStore,
  name: string,
  decide: (hub: Hub) => Decision<HubEvent, HubRejection>,
  options: RecordOptions,
): Promise<HubOutcome> {
  if (!isHubName(name)) return refusalWithoutStream(decide(noHub));
  return transactRecord(store, { stream: streams.hub(name), decider, belongingsOf, holder: null }, decide, options);
}

function belongingsOf(hub: Hub): Belongings {
  return { keyIds: hub.status === 'linked' && hub.connection ? [hub.connection.keyId] : [], thumbprints: [] };
}

/** Hub streams read at the same time. */
const readsMax = 16;

/**
 * Which hubs are linked, by their own streams: a read model may not know yet of a hub that the caller linked a moment ago. Each is
 * looked up once: make another for what comes later.
 */
export class HubLookUp {
  /** By hub key. */
  private readonly found = new Map<string, Promise<boolean>>();

  constructor(private readonly store: EventStore) {}

  /** Keys of those named hubs that are linked. A list longer than any accepted one isn't looked up. */
  async linkedAmong(names: readonly string[]): Promise<ReadonlySet<string>> {
    const linked = new Set<string>();
    if (names.length > staticHubsMax) return linked;
    const wanted = new Set(names.filter(isHubName).map(hubKey)).values();
    const lookUp = async () => {
      for (const key of wanted) if (await this.isLinked(key)) linked.add(key);
    };
    await Promise.all(Array.from({ length: readsMax }, lookUp));
    return linked;
  }

  private isLinked(key: string): Promise<boolean> {
    let found = this.found.get(key);
    if (!found) this.found.set(key, (found = isLinked(this.store, key)));
    return found;
  }
}

/** Keys of those named hubs that are linked now. */
export function linkedAmong(store: EventStore, names: readonly string[]): Promise<ReadonlySet<string>> {
  return new HubLookUp(store).linkedAmong(names);
}

async function isLinked(store: EventStore, key: string): Promise<boolean> {
  let hub = noHub;
  for await (const { event } of store.read<HubEvent>(streams.hub(key))) hub = evolveHub(hub, event);
  return hub.status === 'linked';
}
