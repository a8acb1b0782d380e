import { describe, expect, it } from '@jest/globals';
import { givenWhenThen } from '@berth/testing';
import {
  changeHub,
  cordonHub,
  drainHub,
  evolveHub,
  type Hub,
  type HubEvent,
  linkHub,
  noHub,
  uncordonHub,
  unlinkHub,
} from './hub.js';

const unlinkAnyway = ({ name }: { name: string }, hub: Hub) => unlinkHub({ name, references: null }, hub);
const given = givenWhenThen({ initial: noHub, evolve: evolveHub });
const link = { name: 'Hub-A', weight: 2, capacity: 100, region: 'eu', connection: null };
const linked: HubEvent = { type: 'HubLinked', v: 1, data: link };
const cordoned: HubEvent = { type: 'HubCordoned', v: 1, data: { name: 'Hub-A' } };
const uncordoned: HubEvent = { type: 'HubUncordoned', v: 1, data: { name: 'Hub-A' } };
const drainBegun: HubEvent = { type: 'HubDrainBegun', v: 1, data: { name: 'Hub-A' } };
const unlinked: HubEvent = { type: 'HubUnlinked', v: 1, data: { name: 'Hub-A' } };

describe('a hub link', () => {
  it('is made once', () => {
    given()
      .when((hub) => linkHub(link, hub))
      .then(linked);
    given(linked)
      .when((hub) => linkHub(link, hub))
      .thenRejected({ kind: 'hubAlreadyLinked', name: 'Hub-A' });
    given(linked, unlinked)
      .when((hub) => linkHub(link, hub))
      .then(linked);
  });

  it.each([0, -1, 1001, 1.5, NaN])('refuses weight %d', (weight) => {
    given()
      .when((hub) => linkHub({ ...link, weight }, hub))
      .thenRejected({ kind: 'invalidWeight', weight });
    given(linked)
      .when((hub) => changeHub({ name: 'Hub-A', weight }, hub))
      .thenRejected({ kind: 'invalidWeight', weight });
  });

  it.each([-1, 0.5, 2 ** 31])('refuses capacity %d', (capacity) => {
    given()
      .when((hub) => linkHub({ ...link, capacity }, hub))
      .thenRejected({ kind: 'invalidCapacity', capacity });
  });

  it.each(['', 'r'.repeat(65)])('refuses the region %j', (region) => {
    given()
      .when((hub) => linkHub({ ...link, region }, hub))
      .thenRejected({ kind: 'invalidRegion', region });
  });

  it.each([
    { weight: 1, capacity: 0, region: 'r' },
    { weight: 1000, capacity: 2 ** 31 - 1, region: 'r'.repeat(64) },
    { name: 'a'.repeat(253), capacity: null, region: null },
  ])('takes what is just within bounds: %j', (change) => {
    const data = { ...link, ...change };
    given()
      .when((hub) => linkHub(data, hub))
      .then({ type: 'HubLinked', v: 1, data });
  });

  it.each(['', '-a', 'a b', 'a/b', 'ü', 'a'.repeat(254), '__proto__'])('refuses the name %j', (name) => {
    given()
      .when((hub) => linkHub({ ...link, name }, hub))
      .thenRejected({ kind: 'invalidHubName', name });
  });

  it('records only what changes', () => {
    given(linked)
      .when((hub) => changeHub({ name: 'hub-a', weight: 3, capacity: 100, region: null }, hub))
      .then(
        { type: 'HubWeightChanged', v: 1, data: { name: 'Hub-A', weight: 3 } },
        { type: 'HubRegionChanged', v: 1, data: { name: 'Hub-A', region: null } },
      );
    given(linked)
      .when((hub) => changeHub({ name: 'hub-a' }, hub))
      .thenNothing();
    given(linked)
      .when((hub) => changeHub({ name: 'hub-a', capacity: null }, hub))
      .then({ type: 'HubCapacityChanged', v: 1, data: { name: 'Hub-A', capacity: null } });
  });

  it('has what was changed last', () => {
    const changes: HubEvent[] = [
      { type: 'HubWeightChanged', v: 1, data: { name: 'Hub-A', weight: 3 } },
      { type: 'HubCapacityChanged', v: 1, data: { name: 'Hub-A', capacity: null } },
      { type: 'HubRegionChanged', v: 1, data: { name: 'Hub-A', region: 'us' } },
    ];
    const wish = { name: 'hub-a', weight: 3, capacity: null, region: 'us' };
    given(linked)
      .when((hub) => changeHub(wish, hub))
      .then(...changes);
    given(linked, ...changes)
      .when((hub) => changeHub(wish, hub))
      .thenNothing();
  });

  it('is not there before it is linked, whatever else is said of it', () => {
    expect(evolveHub(noHub, cordoned)).toBe(noHub);
  });

  it('has labels, all of them said at once, and none before anybody said any', () => {
    const labels = [{ key: 'site', value: 'paris' }];
    const labelled: HubEvent = { type: 'HubLinked', v: 1, data: { ...link, labels } };
    given()
      .when((hub) => linkHub({ ...link, labels }, hub))
      .then(labelled);
    given(labelled)
      .when((hub) => changeHub({ name: 'hub-a', labels }, hub))
      .thenNothing();
    given(labelled)
      .when((hub) => changeHub({ name: 'hub-a', labels: [] }, hub))
      .then({ type: 'HubLabelsChanged', v: 1, data: { name: 'Hub-A', labels: [] } });
    given(linked)
      .when((hub) => changeHub({ name: 'hub-a', labels: [] }, hub))
      .thenNothing();
    given(linked, { type: 'HubLabelsChanged', v: 1, data: { name: 'Hub-A', labels } })
      .when((hub) => changeHub({ name: 'hub-a', labels }, hub))
      .thenNothing();
    for (const decide of [linkHub, changeHub]) {
      given()
        .when((hub) => decide({ ...link, labels: [{ key: 'a b', value: 'c' }] }, hub))
        .thenRejected({ kind: 'invalidLabel', index: 0 });
    }
  });

  it('is cordoned and uncordoned, each once', () => {
    given(linked)
      .when((hub) => cordonHub(link, hub))
      .then(cordoned);
    given(linked, cordoned)
      .when((hub) => cordonHub(link, hub))
      .thenNothing();
    given(linked, cordoned)
      .when((hub) => uncordonHub(link, hub))
      .then(uncordoned);
    given(linked)
      .when((hub) => uncordonHub(link, hub))
      .thenNothing();
    given(linked, cordoned, uncordoned)
      .when((hub) => uncordonHub(link, hub))
      .thenNothing();
  });

  it('is drained once, also when cordoned, and open again when uncordoned', () => {
    given(linked)
      .when((hub) => drainHub(link, hub))
      .then(drainBegun);
    given(linked, cordoned)
      .when((hub) => drainHub(link, hub))
      .then(drainBegun);
    given(linked, drainBegun)
      .when((hub) => drainHub(link, hub))
      .thenNothing();
    given(linked, drainBegun)
      .when((hub) => cordonHub(link, hub))
      .then(cordoned);
    given(linked, drainBegun)
      .when((hub) => uncordonHub(link, hub))
      .then(uncordoned);
  });

  it.each([changeHub, cordonHub, drainHub, uncordonHub, unlinkAnyway])(
    'that is not there cannot be changed (%p)',
    (decide) => {
      given()
        .when((hub) => decide({ name: 'hub-b' }, hub))
        .thenRejected({ kind: 'hubNotLinked', name: 'hub-b' });
      given(linked, unlinked)
        .when((hub) => decide({ name: 'hub-a' }, hub))
        .thenRejected({ kind: 'hubNotLinked', name: 'hub-a' });
    },
  );

  it('is not unlinked while a policy or an enrollment names it, unless nobody asks who does', () => {
    const unreferenced = { policy: false, enrollmentGroups: [], enrollments: [], enrollmentCount: 0 };
    given(linked)
      .when((hub) => unlinkHub({ name: 'hub-a', references: unreferenced }, hub))
      .then(unlinked);
    given(linked)
      .when((hub) => unlinkHub({ name: 'hub-a', references: null }, hub))
      .then(unlinked);
    for (const references of [
      { ...unreferenced, policy: true },
      { ...unreferenced, enrollmentGroups: ['line-7'] },
      { ...unreferenced, enrollments: ['press-01'], enrollmentCount: 1 },
    ]) {
      given(linked)
        .when((hub) => unlinkHub({ name: 'hub-a', references }, hub))
        .thenRejected({ kind: 'hubReferenced', name: 'Hub-A', references });
    }
  });

  it('comes back open after being unlinked while cordoned', () => {
    given(linked, cordoned, unlinked, linked)
      .when((hub) => uncordonHub(link, hub))
      .thenNothing();
  });
});
