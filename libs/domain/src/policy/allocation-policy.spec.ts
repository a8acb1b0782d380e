import { describe, it } from '@jest/globals';
import { givenWhenThen } from '@berth/testing';
import {
  type AllocationPolicy,
  choosePolicy,
  evolvePolicy,
  initialPolicy,
  type PolicyEvent,
} from './allocation-policy.js';
import { type CustomAllocation } from './custom-allocation.js';

const given = givenWhenThen({ initial: initialPolicy, evolve: evolvePolicy });
const surroundings = { linked: new Set(['hub-a', 'hub-b']), webhookHosts: new Set(['hooks.example.com']) };
const chosen = (policy: AllocationPolicy): PolicyEvent => ({ type: 'AllocationPolicyChosen', v: 1, data: { policy } });
const choose = (policy: AllocationPolicy) => (state: AllocationPolicy) => choosePolicy({ policy }, state, surroundings);

describe('the default allocation policy', () => {
  it('is evenly weighted before anybody chose', () => {
    given()
      .when(choose({ kind: 'evenlyWeighted' }))
      .thenNothing();
  });

  it('is recorded when it changes', () => {
    const policy: AllocationPolicy = { kind: 'static', hubs: ['Hub-B', 'hub-a'] };
    given().when(choose(policy)).then(chosen(policy));
    given(chosen(policy)).when(choose(policy)).thenNothing();
    given(chosen(policy))
      .when(choose({ kind: 'evenlyWeighted' }))
      .then(chosen({ kind: 'evenlyWeighted' }));
  });

  it('may be to ask a webhook, on a host that is allowed, and without a list to fall back on', () => {
    const custom: CustomAllocation = {
      webhookUrl: 'https://hooks.example.com/allocate',
      apiVersion: '2021-10-01',
      fallback: 'lowestLatency',
      deadlineMs: 5000,
    };
    const policy: AllocationPolicy = { kind: 'custom', custom };
    given().when(choose(policy)).then(chosen(policy));
    given(chosen(policy)).when(choose(policy)).thenNothing();
    given()
      .when(choose({ kind: 'custom', custom: { ...custom, fallback: 'static' } }))
      .thenRejected({ kind: 'staticNeedsHubs' });
    given()
      .when(choose({ kind: 'custom', custom: { ...custom, webhookUrl: 'https://example.com/' } }))
      .thenRejected({ kind: 'webhookHostNotAllowed', host: 'example.com' });
  });

  it('as a static list names linked hubs, each once, and at least one', () => {
    given()
      .when(choose({ kind: 'static', hubs: [] }))
      .thenRejected({ kind: 'staticNeedsHubs' });
    given()
      .when(choose({ kind: 'static', hubs: ['hub-a', 'hub-c'] }))
      .thenRejected({ kind: 'hubNotLinked', name: 'hub-c', index: 1 });
    given()
      .when(choose({ kind: 'static', hubs: ['hub-a', 'HUB-A'] }))
      .thenRejected({ kind: 'hubNamedTwice', name: 'HUB-A', index: 1 });
  });

  it('as a static list names a thousand hubs at most', () => {
    const hubs = Array.from({ length: 1001 }, (_, index) => `hub-${index}`);
    const named = (count: number) => ({ kind: 'static' as const, hubs: hubs.slice(0, count) });
    const all = { ...surroundings, linked: new Set(hubs) };
    given()
      .when((state) => choosePolicy({ policy: named(1000) }, state, all))
      .then(chosen(named(1000)));
    given()
      .when((state) => choosePolicy({ policy: named(1001) }, state, all))
      .thenRejected({ kind: 'tooManyHubs', max: 1000 });
  });
});
