import { PackedRecords } from '../packed/packed-records.js';
import { LocalNumbers, type TablePart } from '../packed/table-part.js';

/** How a device came to its hub, as it was told (device protocol, section 7). */
export type Substatus = 'initialAssignment' | 'deviceDataReset' | 'deviceDataMigrated';

/** Where an outcome stands: revision of its page in the ledger, and offset of its message. */
export interface OutcomeReference {
  revision: number;
  offset: number;
}

/** The page's place in the order of all events besides, a decimal string; null until the page is stored. */
export interface SettledReference extends OutcomeReference {
  position: string | null;
}

/** What a decision needs to know about a device. */
export interface DeviceState {
  /** What put or confirmed the device on its hub; null before the first. */
  assigned: (Assignment & { at: SettledReference }) | null;
  /** The latest refusal since then; null when there was none. */
  refused: (Refusal & { at: SettledReference }) | null;
  /** What took the device off its hub last; null when that never happened, or it has been assigned since. */
  released: (Release & { at: SettledReference }) | null;
}

export interface Assignment {
  at: OutcomeReference;
  /** As it was spelled then. */
  hub: string;
  substatus: Substatus;
  /** Fingerprint of the device id. */
  deviceId: number;
  /** The group it came through; null for an individual enrollment. */
  enrollmentGroup: string | null;
  /** Fingerprint of the request that put or confirmed it, where that matters (single use, `outdone`); null otherwise. */
  request: number | null;
  /** Evaluations in a row in which another hub was nearer, up to `leaving.evaluations`. */
  outdone: number;
  /** When the device came to the hub, milliseconds since 1970, in whole seconds. */
  since: number;
}

export interface Refusal {
  at: OutcomeReference;
  /** False: nobody had proved to be the device. */
  authenticated: boolean;
  /** Fingerprint of what was said. */
  said: number;
}

export interface Release {
  at: OutcomeReference;
  /** The hub it was on, as it was spelled then; null when it was on none. */
  hub: string | null;
  /** Fingerprint of the id of the message that asked for it. */
  request: number;
}

/** What a record holds behind its key's length; all numbers little end first. */
const field = {
  hub: 4,
  flags: 7,
  assigned: 8,
  deviceId: 32,
  refused: 40,
  said: 64,
  request: 72,
  group: 80,
  outdone: 83,
  since: 84,
  end: 88,
} as const;
/** Within a reference. */
const reference = { revision: 0, offset: 8, position: 16 } as const;
const flag = { assigned: 1, substatus: 6, refused: 8, authenticated: 16, released: 32, fromHub: 64 } as const;
const substatuses = ['initialAssignment', 'deviceDataReset', 'deviceDataMigrated'] as const;
/** A name's index takes so many bytes: hubs and groups come and go for years, and each spelling keeps its index. */
const indexBytes = 3;
const namesMax = 2 ** (8 * indexBytes);

/**
 * The devices of one ledger by registration key: like a Map of DeviceState, but packed, some 125 bytes a device. What is
 * written has no position until its page is stored and `settle` tells.
 */
export class DeviceTable {
  private readonly records: PackedRecords;
  /** Every spelling of a hub or group that is or was in use here; records name it by index. */
  private readonly names = [none];
  private readonly nameIndexes = new Map([[none, 0]]);
  private unsettled: number[] = [];

  /** @param hashKey two numbers of 32 bits that nobody outside knows. */
  constructor(hashKey: readonly [number, number] = [0, 0]) {
    this.records = new PackedRecords(field.end, hashKey);
  }

  get size(): number {
    return this.records.size;
  }

  get(key: string): DeviceState | undefined {
    const address = this.records.find(key);
    return address === 0 ? undefined : this.stateAt(address);
  }

  /** The device is on its hub, and whatever refusal there was before has no meaning any more. */
  assign(key: string, { at, hub, substatus, deviceId, enrollmentGroup, request, outdone, since }: Assignment): void {
    const address = this.records.find(key) || this.records.add(key);
    const { view } = this.records.chunkOf(address);
    const start = this.records.offsetOf(address);
    setIndex(view, start + field.hub, this.indexOf(hub));
    view.setUint8(start + field.flags, flag.assigned | (substatuses.indexOf(substatus) << 1));
    view.setFloat64(start + field.deviceId, deviceId, true);
    view.setFloat64(start + field.request, request ?? NaN, true);
    view.setUint8(start + field.outdone, outdone);
    view.setUint32(start + field.since, Math.floor(since / 1000), true);
    setIndex(view, start + field.group, this.indexOf(enrollmentGroup ?? none));
    this.writeReference(address, field.assigned, at);
  }

  refuse(key: string, { at, authenticated, said }: Refusal): void {
    const address = this.records.find(key) || this.records.add(key);
    const { view } = this.records.chunkOf(address);
    const start = this.records.offsetOf(address);
    const others = view.getUint8(start + field.flags) & ~flag.authenticated;
    view.setUint8(start + field.flags, others | flag.refused | (authenticated ? flag.authenticated : 0));
    view.setFloat64(start + field.said, said, true);
    this.writeReference(address, field.refused, at);
  }

  /** The device is on no hub, and all that was known of it has no meaning any more. A release stands where an assignment would. */
  release(key: string, { at, hub, request }: Release): void {
    const address = this.records.find(key) || this.records.add(key);
    const { view } = this.records.chunkOf(address);
    const start = this.records.offsetOf(address);
    view.setUint8(start + field.flags, hub === null ? flag.released : flag.released | flag.fromHub);
    if (hub !== null) setIndex(view, start + field.hub, this.indexOf(hub));
    view.setFloat64(start + field.deviceId, request, true);
    this.writeReference(address, field.assigned, at);
  }

  /** The page to which everything since the last time belongs stands at `position`. */
  settle(position: string): void {
    const place = BigInt(position);
    for (const at of this.unsettled) {
      // The place of a reference: its record's address, and which of the two it is.
      const address = Math.floor(at / 2);
      const start = this.records.offsetOf(address) + (at % 2 === 0 ? field.assigned : field.refused);
      this.records.chunkOf(address).view.setBigUint64(start + reference.position, place, true);
    }
    this.unsettled = [];
  }

  /**
   * The table in parts of about 512 KiB, made one after another. Between two of them devices may come, change and go, but while one
   * is made no page may be waiting for its position. What `restore` makes of them is right once the pages stored since the
   * first one have been folded into it again.
   */
  *parts(): Iterable<TablePart<string>> {
    for (const block of this.records.blocks()) {
      const numbers = new LocalNumbers();
      for (const { start } of this.records.recordsIn(block)) {
        for (const place of [start + field.hub, start + field.group]) {
          block.writeUIntLE(numbers.of(block.readUIntLE(place, indexBytes)), place, indexBytes);
        }
      }
      yield { shared: numbers.list.map((index) => this.names[index] as string), records: block };
    }
  }

  restore({ shared: names, records: block }: TablePart<string>): void {
    const indexes = names.map((name) => this.indexOf(name));
    for (const { key, start, end } of this.records.recordsIn(block)) {
      for (const place of [start + field.hub, start + field.group]) {
        block.writeUIntLE(indexes[block.readUIntLE(place, indexBytes)] as number, place, indexBytes);
      }
      this.records.remove(key);
      this.records.insert(key, block, start, end);
    }
  }

  *[Symbol.iterator](): Iterator<[string, DeviceState]> {
    for (const [key, address] of this.records) yield [key, this.stateAt(address)];
  }

  private stateAt(address: number): DeviceState {
    const { view } = this.records.chunkOf(address);
    const start = this.records.offsetOf(address);
    const request = view.getFloat64(start + field.request, true);
    const flags = view.getUint8(start + field.flags);
    return {
      assigned:
        (flags & flag.assigned) === 0
          ? null
          : {
              at: this.readReference(address, field.assigned),
              hub: this.names[indexAt(view, start + field.hub)] as string,
              substatus: substatuses[(flags & flag.substatus) >> 1] as Substatus,
              deviceId: view.getFloat64(start + field.deviceId, true),
              enrollmentGroup: this.names[indexAt(view, start + field.group)] || null,
              request: Number.isNaN(request) ? null : request,
              outdone: view.getUint8(start + field.outdone),
              since: 1000 * view.getUint32(start + field.since, true),
            },
      refused:
        (flags & flag.refused) === 0
          ? null
          : {
              at: this.readReference(address, field.refused),
              authenticated: (flags & flag.authenticated) !== 0,
              said: view.getFloat64(start + field.said, true),
            },
      released:
        (flags & flag.released) === 0
          ? null
          : {
              at: this.readReference(address, field.assigned),
              hub: (flags & flag.fromHub) === 0 ? null : (this.names[indexAt(view, start + field.hub)] as string),
              request: view.getFloat64(start + field.deviceId, true),
            },
    };
  }

  private readReference(address: number, which: number): SettledReference {
    const { view } = this.records.chunkOf(address);
    const start = this.records.offsetOf(address) + which;
    const position = view.getBigUint64(start + reference.position, true);
    return {
      revision: view.getFloat64(start + reference.revision, true),
      offset: view.getFloat64(start + reference.offset, true),
      position: position === unknownPosition ? null : String(position),
    };
  }

  private writeReference(address: number, which: number, { revision, offset }: OutcomeReference): void {
    const { view } = this.records.chunkOf(address);
    const start = this.records.offsetOf(address) + which;
    view.setFloat64(start + reference.revision, revision, true);
    view.setFloat64(start + reference.offset, offset, true);
    view.setBigUint64(start + reference.position, unknownPosition, true);
    this.unsettled.push(2 * address + (which === field.assigned ? 0 : 1));
  }

  private indexOf(name: string): number {
    let index = this.nameIndexes.get(name);
    if (index === undefined) {
      if (this.names.length === namesMax) throw new RangeError(`A ledger names at most ${namesMax} hubs and groups`);
      index = this.names.push(name) - 1;
      this.nameIndexes.set(name, index);
    }
    return index;
  }
}

function indexAt(view: DataView, place: number): number {
  return view.getUint16(place, true) | (view.getUint8(place + 2) << 16);
}

function setIndex(view: DataView, place: number, index: number): void {
  view.setUint16(place, index & 0xffff, true);
  view.setUint8(place + 2, index >>> 16);
}

/** What a record names that has no hub, or no group. */
const none = '';
/** No event stands there. */
const unknownPosition = 2n ** 64n - 1n;
