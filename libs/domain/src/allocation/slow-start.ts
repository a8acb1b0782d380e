import { hash32 } from './hash.js';

/**
 * How a hub that has just opened is spared: of the devices it is due, it gets a tenth at first and all of them after the
 * window. Envoy's slow start has the same shape; window and floor are those of the allocation study.
 */
export const slowStart = { windowMs: 600_000, floorPerMille: 100 } as const;

/** Per mille of the devices it is due that a hub gets; a hub that isn't in slow start is warm. */
export const warm = 1000;

/** @param openedAt when the hub was linked or uncordoned; both in milliseconds since 1970. */
export function warmthOf(openedAt: number, at: number): number {
  const { windowMs, floorPerMille } = slowStart;
  const elapsed = Math.min(Math.max(at - openedAt, 0), windowMs);
  return floorPerMille + Math.floor(((warm - floorPerMille) * elapsed) / windowMs);
}

/**
 * Which hubs start slowly: those that opened when another open hub had been open for a whole window, and so could carry the
 * devices meanwhile. The hubs of a young fleet spare each other nothing.
 * @param open when each open hub opened, milliseconds since 1970, by key.
 */
export function slowStarters(open: ReadonlyMap<string, number>): Map<string, number> {
  let first = Infinity;
  for (const openedAt of open.values()) first = Math.min(first, openedAt);
  return new Map([...open].filter(([, openedAt]) => openedAt >= first + slowStart.windowMs));
}

/**
 * Whether a hub of that warmth takes this device. By hash: even over the fleet, the same on any machine, and a device that is
 * let in stays let in as the hub gets warmer.
 */
export function admits(hub: { key: string; warmth: number }, device: string): boolean {
  return hub.warmth >= warm || hash32(`${hub.key}\n${device}`) % warm < hub.warmth;
}
