import { describe, expect, it } from '@jest/globals';
import { givenWhenThen } from '@berth/testing';
import {
  evolveRegionLatencies,
  isRegionName,
  noRegionLatencies,
  type RegionLatencies,
  type RegionLatenciesSet,
  setRegionLatencies,
} from './region-latencies.js';

const given = givenWhenThen({ initial: noRegionLatencies, evolve: evolveRegionLatencies });
const surroundings = { linked: new Set(['hub-a', 'hub-b', 'hub-c']), limit: { count: 0, max: 2 } };
const set = (latencies: RegionLatencies['latencies'], region = 'EU-West'): RegionLatenciesSet => ({
  type: 'RegionLatenciesSet',
  v: 1,
  data: { region, latencies },
});
const command =
  (latencies: RegionLatencies['latencies'], region = 'EU-West', count = 0) =>
  (before: RegionLatencies) =>
    setRegionLatencies({ region, latencies }, before, { ...surroundings, limit: { count, max: 2 } });
const [a, b] = [
  { hub: 'Hub-A', ms: 12.5 },
  { hub: 'hub-b', ms: 0 },
];

describe("a region's table", () => {
  it('is replaced whole, and the same again changes nothing, in whatever order', () => {
    given()
      .when(command([b, a]))
      .then(set([a, b]));
    given(set([a, b]))
      .when(command([b, a]))
      .thenNothing();
    given(set([a, b]))
      .when(command([b], 'eu-west'))
      .then(set([b]));
    given(set([a, b]))
      .when(command([]))
      .then(set([]));
    given().when(command([])).thenNothing();
    const c = { hub: 'hub-c', ms: 86_400_000 };
    for (const order of [
      [a, b, c],
      [c, b, a],
      [b, c, a],
    ]) {
      given()
        .when(command(order))
        .then(set([a, b, c]));
    }
  });

  it('may name a thousand hubs', () => {
    const names = Array.from({ length: 1000 }, (_, index) => `hub-${1000 + index}`);
    const latencies = names.map((hub) => ({ hub, ms: 1 }));
    given()
      .when((before) =>
        setRegionLatencies({ region: 'EU-West', latencies }, before, { ...surroundings, linked: new Set(names) }),
      )
      .then(set(latencies));
  });

  it('is one of so many, but an old one can always be changed', () => {
    given()
      .when(command([a], 'eu', 2))
      .thenRejected({ kind: 'tooManyRegions', max: 2 });
    given(set([a]))
      .when(command([b], 'EU-West', 2))
      .then(set([b]));
  });

  it.each([
    ['an unknown hub', [a, { hub: 'hub-x', ms: 1 }], { kind: 'hubNotLinked', name: 'hub-x', index: 1 }],
    ['a hub twice', [a, { hub: 'hub-a', ms: 1 }], { kind: 'hubNamedTwice', name: 'hub-a', index: 1 }],
    ['less than nothing', [{ hub: 'hub-a', ms: -1 }], { kind: 'invalidLatency', ms: -1, index: 0 }],
    ['more than a day', [{ hub: 'hub-a', ms: 86_400_001 }], { kind: 'invalidLatency', ms: 86_400_001, index: 0 }],
    ['no number', [{ hub: 'hub-a', ms: NaN }], { kind: 'invalidLatency', ms: NaN, index: 0 }],
    ['very many hubs', Array.from({ length: 1001 }, () => a), { kind: 'tooManyHubs', max: 1000 }],
  ] as const)('refuses %s', (_what, latencies, rejection) => {
    given().when(command(latencies)).thenRejected(rejection);
  });

  it('has a name that a stream can have', () => {
    for (const name of ['eu', 'EU West 2', 'a/b:c_d.e', 'x'.repeat(128)])
      expect([name, isRegionName(name)]).toEqual([name, true]);
    for (const name of ['', ' eu', 'eu-', 'ü', '$eu', 'x'.repeat(129)]) {
      expect([name, isRegionName(name)]).toEqual([name, false]);
      given()
        .when(command([a], name))
        .thenRejected({ kind: 'invalidRegion', region: name });
    }
  });
});
