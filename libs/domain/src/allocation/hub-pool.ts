import { hasTurnBefore } from './evenly-weighted.js';
import { type HubOnBoard } from './hub-board.js';
import { HubHeap } from './hub-heap.js';

/** The hubs that a rule allows, whether they take devices or not. */
export interface HubPool {
  /** In the rule's order. */
  readonly hubs: readonly HubOnBoard[];
  has(hub: HubOnBoard): boolean;
  /** The first in the rule's order that is `accepted`. @param current the hub that the device is on, if any: accepted though it takes no others. */
  first(accepted: (hub: HubOnBoard) => boolean, current: HubOnBoard | undefined): HubOnBoard | null;
  /** The one with the next turn among those that are `wanted`, none of which is closed, and of equals the first in the rule's order. */
  next(wanted: (hub: HubOnBoard) => boolean): HubOnBoard | null;
}

/** Few hubs are looked at one by one. */
export function fewHubs(hubs: readonly HubOnBoard[]): HubPool {
  return {
    hubs,
    has: (hub) => hubs.includes(hub),
    first: (accepted) => hubs.find(accepted) ?? null,
    next: (wanted) => nextAmong(hubs, wanted),
  };
}

/** The hub with the next turn among those that are `wanted`, and of equals the first. */
export function nextAmong(hubs: Iterable<HubOnBoard>, wanted: (hub: HubOnBoard) => boolean): HubOnBoard | null {
  let next: HubOnBoard | null = null;
  for (const hub of hubs) if (wanted(hub) && (next === null || hasTurnBefore(hub, next))) next = hub;
  return next;
}

interface Member {
  readonly hub: HubOnBoard;
  /** In the rule's order: settles ties. */
  readonly rank: number;
  slot: number;
}

/** Many hubs in the order of turns, kept in step with the board: the next one of ten thousand costs little more than of ten. */
export class ManyHubs implements HubPool {
  private readonly members = new Map<HubOnBoard, Member>();
  private readonly takers = new HubHeap<Member>(isBefore);
  /** Without a place for this page: who looked at each of them for each device would look at thousands. */
  private readonly placeless = new Set<Member>();
  /** Whether these were asked in this page. */
  private isBegun = true;
  /** So many at the beginning of the rule's order take no device that isn't on them. */
  private passedOver = 0;

  constructor(readonly hubs: readonly HubOnBoard[]) {
    for (const [rank, hub] of hubs.entries()) this.members.set(hub, { hub, rank, slot: -1 });
    this.takers.fill([...this.members.values()].filter(({ hub }) => hub.state === 'open'));
  }

  has(hub: HubOnBoard): boolean {
    return this.members.has(hub);
  }

  first(accepted: (hub: HubOnBoard) => boolean, current: HubOnBoard | undefined): HubOnBoard | null {
    if (!this.isBegun) this.askAgain();
    const present = current && this.members.get(current);
    const isPassedOver = present && present.rank < this.passedOver;
    if (isPassedOver && accepted(present.hub)) return present.hub;
    for (let rank = this.passedOver; rank < this.hubs.length; rank += 1) {
      const hub = this.hubs[rank] as HubOnBoard;
      if (accepted(hub)) return hub;
      if (rank === this.passedOver && (hub.state !== 'open' || isPlaceless(hub))) this.passedOver += 1;
    }
    return null;
  }

  next(wanted: (hub: HubOnBoard) => boolean): HubOnBoard | null {
    const { takers } = this;
    if (!this.isBegun) this.askAgain();
    // Those in front that aren't are taken out and put back: a few as a rule.
    const passed: Member[] = [];
    let first = takers.first;
    while (first && !wanted(first.hub)) {
      takers.remove(first);
      if (isPlaceless(first.hub)) this.placeless.add(first);
      else passed.push(first);
      first = takers.first;
    }
    for (const member of passed) takers.add(member);
    return first?.hub ?? null;
  }

  /** Some whose turns come soon, roughly in order. */
  front(count: number): readonly HubOnBoard[] {
    return this.takers.front(count).map(({ hub }) => hub);
  }

  /** The hub's load, and so its turn and perhaps its places. */
  changed(hub: HubOnBoard): void {
    const member = this.members.get(hub);
    if (!member || hub.state !== 'open') return;
    this.passedOver = Math.min(this.passedOver, member.rank);
    if (member.slot >= 0) this.takers.changed(member);
    else this.takeBack(member);
  }

  /** Another page: what places there are is asked anew, when somebody wants to know. */
  begin(): void {
    this.isBegun = false;
  }

  private askAgain(): void {
    this.isBegun = true;
    this.passedOver = 0;
    for (const member of this.placeless) if (!isPlaceless(member.hub)) this.takeBack(member);
  }

  private takeBack(member: Member): void {
    this.placeless.delete(member);
    this.takers.add(member);
  }
}

function isPlaceless({ places }: HubOnBoard): boolean {
  return places !== null && places <= 0;
}

function isBefore(a: Member, b: Member): boolean {
  return hasTurnBefore(a.hub, b.hub) || (!hasTurnBefore(b.hub, a.hub) && a.rank < b.rank);
}
