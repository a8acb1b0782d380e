import { type PartitionLoads } from './load-view.js';

/**
 * How many devices a partition has on each hub: stream `loads-<partition>`, written by its owner for the other allocators.
 * Says nothing that the ledger doesn't; only the newest is of interest.
 */
export type LoadEvent = { type: 'LoadsReported'; v: 1; data: LoadsReported };

export interface LoadsReported {
  partition: number;
  /** Of the claim under which they were counted. */
  generation: number;
  /** Hubs by key, each with its devices, those that have any. */
  loads: readonly (readonly [hub: string, devices: number])[];
}

export function reportOf({ partition, generation, loads }: PartitionLoads): LoadEvent {
  return {
    type: 'LoadsReported',
    v: 1,
    data: { partition, generation, loads: [...loads].filter(([, devices]) => devices !== 0) },
  };
}
