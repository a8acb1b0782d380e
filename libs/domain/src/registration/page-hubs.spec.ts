import { describe, expect, it } from '@jest/globals';
import { type AllocationRule } from '../allocation/allocate.js';
import { HubBoard, type HubSnapshot } from '../allocation/hub-board.js';
import { type Label } from '../hub/label.js';
import { hubsOf, recordedHubs, requiredBy } from './page-hubs.js';

const [site, tier, line] = ['site', 'tier', 'line'].map((key) => ({ key, value: 'a' })) as [Label, Label, Label];
const rule = (...require: Label[]): AllocationRule => ({
  ...{ policy: 'evenlyWeighted', source: 'default', hubs: null, updateHubAssignment: true },
  ...(require.length > 0 && { require }),
});
const hub = (name: string, ...labels: Label[]): HubSnapshot => ({
  ...{ name, state: 'open', weight: 1, capacity: null, load: 0 },
  ...(labels.length > 0 && { labels }),
});

describe('the labels of the hubs on a page', () => {
  const rules = [rule(tier, site), rule(), rule({ ...tier }, line)];
  const board = new HubBoard([hub('A', line, tier), hub('b', { ...site, value: 'b' }), hub('c', site, tier, line)]);
  board.begin(0, { places: () => null, filled: () => undefined });

  it('are those that its rules require, each once, in the order in which they are named', () => {
    expect(requiredBy(rules)).toEqual([tier, site, line]);
    expect(recordedHubs(board, rules).map(({ name, labels }) => [name, labels])).toEqual([
      ['A', [0, 2]],
      ['b', undefined],
      ['c', [0, 1, 2]],
    ]);
    expect(recordedHubs(board, [rule()])).toEqual(['A', 'b', 'c'].map((name) => hub(name)));
  });

  it('are read back as labels', () => {
    const hubs = recordedHubs(board, rules);
    expect(hubsOf({ hubs, rules })).toEqual([hub('A', tier, line), hub('b'), hub('c', tier, site, line)]);
  });
});
