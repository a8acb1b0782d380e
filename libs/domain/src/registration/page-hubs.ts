import { type AllocationRule } from '../allocation/allocate.js';
import { type HubBoard, type HubSnapshot } from '../allocation/hub-board.js';
import { hubKey } from '../hub/hub-name.js';
import { isSameLabel, type Label } from '../hub/label.js';

/** A hub as a page states it. Labels, which many hubs share, stand in the page's rules; of each hub it says which of those it has. */
export interface RecordedHub extends Omit<HubSnapshot, 'labels'> {
  /** Places in `requiredBy(rules)`; absent: it has none of them. */
  labels?: readonly number[];
}

/** The labels that rules require, each once, in the order in which the rules name them. */
export function requiredBy(rules: readonly AllocationRule[]): Label[] {
  const required: Label[] = [];
  for (const { require = [] } of rules) {
    for (const label of require) if (!required.some((known) => isSameLabel(known, label))) required.push(label);
  }
  return required;
}

/** The hubs of the board that a page lists, with what it says of their labels. */
export function recordedHubs(board: HubBoard, rules: readonly AllocationRule[]): RecordedHub[] {
  const hubs = board.snapshots();
  const required = requiredBy(rules);
  if (required.length === 0) return hubs;
  return hubs.map((hub): RecordedHub => {
    const { labels } = board.get(hubKey(hub.name))!;
    const has = required.flatMap((wanted, place) => (labels.some((label) => isSameLabel(label, wanted)) ? place : []));
    return has.length > 0 ? { ...hub, labels: has } : hub;
  });
}

/** The hubs of a page with those of their labels that its rules require. */
export function hubsOf({
  hubs,
  rules,
}: {
  hubs: readonly RecordedHub[];
  rules: readonly AllocationRule[];
}): HubSnapshot[] {
  const required = requiredBy(rules);
  return hubs.map(({ labels, ...hub }) =>
    labels ? { ...hub, labels: labels.map((place) => required[place] as Label) } : hub,
  );
}
