import { describe, expect, it } from '@jest/globals';
import { HubBoard, type HubSnapshot, type Leases } from '../allocation/hub-board.js';
import { type Measurement } from '../allocation/latency.js';
import { type EnrollmentData } from '../enrollment/enrollment.js';
import {
  type Configuration,
  type ConfigurationEvent,
  emptyConfiguration,
  evolveConfiguration,
} from './configuration.js';
import { decidePage, type Wish } from './decide.js';
import { emptyLedger } from './ledger.js';
import { enrolled } from './under-test/any-history.js';
import { idScope, trusted } from './under-test/world.js';

const name = (index: number) => `hub-${String(index).padStart(5, '0')}`;
/** As many as a list, or the table of a region, may have. */
const listed = (count: number) => Array.from({ length: Math.min(count, 1000) }, (_, index) => name(index));
/** Of hubs with a capacity of 0, nothing; else whatever is wanted. */
const unbounded: Leases = { places: ({ capacity }) => (capacity === 0 ? 0 : null), filled: () => undefined };
const counts = [10, 10_000] as const;
const devices = 200;
const timesMax = 10;

const ids = Array.from({ length: devices }, (_, index) => `press-${index}`);
const wishes = ids.map((registrationId, offset): Wish => {
  return { offset, registrationId, requestId: 'wish', source: trusted, attestation: { type: 'gateway' }, region: 'eu' };
}) as [Wish, ...Wish[]];

interface Case {
  hub?: (index: number, count: number) => Partial<HubSnapshot>;
  terms?: (count: number) => Partial<EnrollmentData>;
  /** Microseconds by which the hubs of the devices' region are apart. */
  apartUs?: number;
  /** What each message says itself. */
  own?: readonly Measurement[];
}

const labels = [{ key: 'tier', value: 'gold' }];
const full = { capacity: 0 };
const cases: Record<string, Case> = {
  'without conditions': {},
  'with a label that all of them have': { hub: () => ({ labels }), terms: () => ({ require: labels }) },
  'with a label that every third has': {
    hub: (index) => (index % 3 === 0 ? { labels } : {}),
    terms: () => ({ require: labels }),
  },
  'in a list of up to 1,000': { terms: (count) => ({ hubs: listed(count) }) },
  'in such a list, with a label': {
    hub: () => ({ labels }),
    terms: (count) => ({ hubs: listed(count), require: labels }),
  },
  'half of which are full': { hub: (index) => (index % 2 === 0 ? full : { load: 100 }) },
  'all of which are full': { hub: () => full },
  'in a static list of up to 1,000': { terms: (count) => ({ policy: 'static', hubs: listed(count) }) },
  'in such a static list, of which the last one has places': {
    hub: (index, count) => (index === Math.min(count, 1000) - 1 ? {} : full),
    terms: (count) => ({ policy: 'static', hubs: listed(count) }),
  },
  'by latencies of up to 1,000': { terms: () => ({ policy: 'lowestLatency' }), apartUs: 1000 },
  'by latencies of up to 1,000, all as near': { terms: () => ({ policy: 'lowestLatency' }), apartUs: 0 },
  'by latencies of up to 1,000, and some of the message': {
    terms: () => ({ policy: 'lowestLatency' }),
    apartUs: 1000,
    own: [3, 5].map((index) => ({ hub: name(index), us: 4000, measuredAt: 0 })),
  },
};

function boardOf(count: number, { hub }: Case): HubBoard {
  const hubs = Array.from({ length: count }, (_, index): HubSnapshot => {
    const weight = 1 + (index % 3);
    return { name: name(index), state: 'open', weight, capacity: null, load: 0, ...hub?.(index, count) };
  });
  return new HubBoard(hubs);
}

function configurationOf(count: number, { terms, apartUs }: Case): Configuration {
  const configuration = emptyConfiguration();
  const events: ConfigurationEvent[] = ids.map((id) => enrolled(id, terms?.(count)));
  if (apartUs !== undefined) {
    const latencies = listed(count).map((hub, index) => ({ hub, ms: (index * apartUs) / 1000 }));
    events.push({ type: 'RegionLatenciesSet', v: 1, data: { region: 'eu', latencies } });
  }
  for (const event of events) evolveConfiguration(configuration, event, { position: '1', at: 0 });
  return configuration;
}

/** What an outcome costs, by the lower quartile of rounds once the code is warm: whatever else the machine does only adds to some of them. */
function costs(pages: readonly (() => number)[]): number[] {
  const times = pages.map((): number[] => []);
  for (let round = 0; round < 60; round += 1) {
    for (const [index, decide] of pages.entries()) {
      const begun = process.hrtime.bigint();
      const outcomes = decide();
      times[index]!.push(Number(process.hrtime.bigint() - begun) / outcomes);
    }
  }
  return times.map((each) => each.slice(20).sort((a, b) => a - b)[10]!);
}

describe('ten thousand hubs', () => {
  it.each(Object.entries(cases))('%s cost a device at most ten times what ten do', (what, which) => {
    const pages = counts.map((count) => {
      const board = boardOf(count, which);
      const configuration = configurationOf(count, which);
      return () => {
        const context = { configuration, configurationPosition: null, board, leases: unbounded, idScope, at: 0 };
        const { own: latencies } = which;
        const asked = latencies ? wishes.map((wish) => ({ ...wish, latencies })) : wishes;
        const { page } = decidePage(asked as typeof wishes, { ...context, ledger: emptyLedger(0) });
        return page!.data.outcomes.length;
      };
    });
    const [few, many] = costs(pages) as [number, number];
    console.log(`A device among 10 hubs ${what}: ${few.toFixed(0)} ns, among 10,000: ${many.toFixed(0)} ns`);
    expect(many / few).toBeLessThanOrEqual(timesMax);
  });
});
