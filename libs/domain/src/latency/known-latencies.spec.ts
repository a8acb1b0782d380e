import { describe, expect, it } from '@jest/globals';
import { latencyStaleAfterMs } from '../allocation/latency.js';
import { GatewayTable } from './gateway-latencies.js';
import { type Latencies } from '../allocation/latency.js';
import { KnownLatencies, latenciesFor, latenciesIn, recordedLatency, type Whereabouts } from './known-latencies.js';

const at = Date.UTC(2026, 0, 1);
const measured = (hub: string, ms: number, ageMs = 0) => ({ hub, us: ms * 1000, measuredAt: at - ageMs });

describe('what is known of latencies', () => {
  const gateways = new GatewayTable();
  gateways.set({
    source: '/one',
    offset: 1,
    latencies: [measured('a', 20), measured('b', 21), measured('old', 1, latencyStaleAfterMs + 1)],
  });
  const regions = new Map([
    ['eu', { region: 'EU', latencies: ['A', 'b', 'c', 'old'].map((hub, index) => ({ hub, ms: 30.5 + index })) }],
  ]);
  const known = new KnownLatencies({ gateways, regions }, at);
  const entriesOf = (latencies: Latencies) => [...latencies.keys()].map((hub) => [hub, latencies.get(hub)!] as const);
  const of = (change: Partial<Whereabouts>) =>
    entriesOf(latenciesFor(known.of({ source: '/one', ...change }))).map(
      ([hub, { us, from }]) => `${hub} ${us / 1000} ${from}`,
    );

  it('is what the message says, else its gateway, else the table of its region, hub by hub', () => {
    expect(of({ latencies: [measured('a', 10)], region: 'eu' })).toEqual([
      'a 10 registration',
      'b 21 gateway',
      'c 32.5 region',
      'old 33.5 region',
    ]);
    expect(of({ region: 'Eu' })).toEqual(['a 20 gateway', 'b 21 gateway', 'c 32.5 region', 'old 33.5 region']);
    expect(of({})).toEqual(['a 20 gateway', 'b 21 gateway']);
    expect(of({ source: '/two', region: 'eu' })).toHaveLength(4);
    expect(of({ source: '/two', region: 'us' })).toEqual([]);
    expect(of({ source: '/two' })).toEqual([]);
  });

  it('is never what is stale, wherever it comes from', () => {
    const stale = measured('a', 1, latencyStaleAfterMs + 1);
    expect(of({ latencies: [stale] })).toEqual(['a 20 gateway', 'b 21 gateway']);
    const later = new KnownLatencies({ gateways, regions }, at + latencyStaleAfterMs + 1);
    expect(entriesOf(latenciesFor(later.of({ source: '/one' })))).toEqual([]);
    const inRegion = entriesOf(latenciesFor(later.of({ source: '/one', region: 'eu' })));
    expect(inRegion.map(([, { from }]) => from)).toEqual(['region', 'region', 'region', 'region']);
  });

  it('is the very same for all devices that come from there and say nothing themselves', () => {
    const sharedBy = (change: Partial<Whereabouts>) => known.of({ source: '/one', ...change }).shared;
    expect(sharedBy({ region: 'eu' })).toBe(sharedBy({ region: 'EU', latencies: [measured('a', 10)] }));
    expect(sharedBy({ source: '/two', region: 'eu' })).toBe(sharedBy({ source: '/three', region: 'eu' }));
  });

  it('is recorded as it was, and a message’s own as it always was', () => {
    const said = entriesOf(latenciesFor(known.of({ source: '/one', latencies: [measured('a', 10)], region: 'eu' })));
    const recorded = said.map(([hub, latency]) => recordedLatency(hub, latency));
    expect(recorded.slice(0, 3)).toEqual([
      ['a', 10_000],
      ['b', 21_000, 'gateway'],
      ['c', 32_500, 'region'],
    ]);
    expect([...latenciesIn(recorded)]).toEqual(said);
    expect(latenciesIn(undefined).size).toBe(0);
  });
});
