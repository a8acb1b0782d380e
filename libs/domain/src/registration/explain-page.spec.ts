import { describe, expect, it } from '@jest/globals';
import { algorithmBuild } from './decide.js';
import { explainPage } from './explain-page.js';
import { enrolled, linked } from './under-test/any-history.js';
import { World } from './under-test/world.js';

const explained = (world: World) => [...explainPage(world.pages.at(-1)!)].map(({ decision }) => decision);

describe('an explanation', () => {
  it('of a refusal before any hub was looked at names the default policy and no hubs', () => {
    const world = new World(linked('hub-a'));
    world.register('ghost');
    expect(explained(world)).toEqual([
      {
        policy: 'evenlyWeighted',
        policySource: 'default',
        chosen: null,
        reason: "there is no enrollment for registration id 'ghost'",
        candidates: [],
        configuration: world.pages[0]!.configuration,
        build: algorithmBuild,
        webhook: null,
      },
    ]);
  });

  it('counts the devices that came, and those that left, before it on its page', () => {
    const world = new World(linked('hub-a'), linked('hub-b'), ...['one', 'two', 'three'].map((id) => enrolled(id)));
    world.register('one', 'two');
    const scores = () => explained(world).map(({ candidates }) => candidates.map(({ score }) => score));
    expect(scores()).toEqual([
      ['1/2', '1/2'],
      ['3/2', '1/2'],
    ]);
    world.after(enrolled('one', { hubs: ['hub-b'] }));
    world.register('one', 'three');
    expect(scores()).toEqual([['3/2'], ['1/2', '5/2']]);
  });

  it('goes by the turns that its page states', () => {
    const world = new World(linked('hub-a'), enrolled('one'));
    world.register('one');
    const [page] = world.pages;
    const hubs = page!.hubs.map((hub) => ({ ...hub, pass: 77 }));
    const [first] = [...explainPage({ ...page!, hubs, turns: { epoch: 3, unit: 128 } })];
    expect(first!.decision.candidates).toMatchObject([{ hub: 'hub-a', verdict: 'chosen', score: '77/128' }]);
  });
});
