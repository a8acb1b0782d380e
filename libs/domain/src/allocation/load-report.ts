import { type PartitionLoads } from './load-view.js';

/**
 * How many devices a partition has on each hub: stream `loads-<partition>`, written by its owner for the other allocators.
 * Says nothing that the ledger doesn't; only the newest reports are of interest, back to the last one that says it all.
 */
export type LoadEvent = { type: 'LoadsReported'; v: 1; data: LoadsReported };

export interface LoadsReported {
  partition: number;
  /** Of the claim under which they were counted. */
  generation: number;
  /** Hubs by key, each with its devices. */
  loads: readonly (readonly [hub: string, devices: number])[];
  /** Revision of the report right before it: this one says what has changed since. Absent: hubs that it leaves out have none. */
  since?: number;
}

/** Reports in a row that say only what has changed. */
const changesMax = 100;
/** Where a report is closed, in characters. */
const reportTextMax = 256 * 1024;
/** What a hub adds besides its key. */
const figureText = 16;
/** Newest reports of a stream in which there is one that says it all, for up to 10,000 hubs and far more. */
export const reportsKept = 256;

/** What the others have been told of a partition under one claim. */
export class ToldLoads {
  private readonly told = new Map<string, number>();
  /** Since all was told: reports, and hubs in them. Nothing was told yet. */
  private reports = 0;
  private named = Infinity;

  /**
   * The reports by which the others know the present loads, each the next one in the stream; none when they know. All is told
   * again as soon as it is no longer than what has changed since, so a report among ten thousand hubs costs what changed.
   * @param revision of the stream's last event, -1 for none.
   */
  next({ partition, generation, loads }: PartitionLoads, revision: number): LoadEvent[] {
    const changed = [...loads].filter(([hub, devices]) => devices !== (this.told.get(hub) ?? 0));
    if (changed.length === 0 && this.named < Infinity) return [];
    const isWhole = this.reports >= changesMax || this.named + changed.length > loads.size;
    const parts = inParts(isWhole ? [...loads].filter(([, devices]) => devices !== 0) : changed);
    for (const [hub, devices] of changed) this.told.set(hub, devices);
    this.reports = isWhole ? 0 : this.reports + parts.length;
    this.named = isWhole ? 0 : this.named + changed.length;
    return parts.map((part, index) => {
      const data: LoadsReported = { partition, generation, loads: part };
      if (!isWhole || index > 0) data.since = revision + index;
      return { type: 'LoadsReported', v: 1, data };
    });
  }
}

/** One at least. */
function inParts(loads: readonly [string, number][]): [string, number][][] {
  const parts: [string, number][][] = [[]];
  let text = 0;
  for (const load of loads) {
    if (text >= reportTextMax) {
      parts.push([]);
      text = 0;
    }
    text += load[0].length + figureText;
    parts.at(-1)?.push(load);
  }
  return parts;
}
