import { describe, expect, it } from '@jest/globals';
import { allocate, explain } from './allocate.js';
import { boardOf, hub, inOrder, on } from './under-test/hubs.js';

describe('static', () => {
  it('takes the first hub in the list that can', () => {
    expect(allocate(inOrder('b', 'a'), boardOf(hub('a'), hub('b')), on(null))!.name).toBe('b');
    expect(allocate(inOrder('b', 'a'), boardOf(hub('a'), hub('b', { state: 'cordoned' })), on(null))!.name).toBe('a');
    expect(allocate(inOrder('c', 'a'), boardOf(hub('a'), hub('b')), on(null))!.name).toBe('a');
  });

  it('scores a hub by its place in the list, from 1', () => {
    const scores = explain(inOrder('b', 'a'), boardOf(hub('a'), hub('b')), on(null)).map(({ score }) => score);
    expect(scores).toEqual(['1', '2']);
  });

  it('moves a device to the hub that now comes first', () => {
    expect(allocate(inOrder('b', 'a'), boardOf(hub('a'), hub('b')), on('a'))!.name).toBe('b');
  });

  it('leaves a device on a cordoned hub that comes first', () => {
    expect(allocate(inOrder('a', 'b'), boardOf(hub('a', { state: 'cordoned' }), hub('b')), on('a'))!.name).toBe('a');
  });
});
