import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { type GatewayLatencies, GatewayTable, noteLatencies } from './gateway-latencies.js';

const at = Date.UTC(2026, 0, 1);
const report = (offset: number, us: Record<string, number>, measuredAt = at): GatewayLatencies => ({
  source: '/gateways/one',
  offset,
  latencies: Object.entries(us).map(([hub, value]) => ({ hub, us: value, measuredAt })),
});

describe('a report of a gateway', () => {
  const first = report(7, { a: 40_000, b: 10_000 });

  it('is kept when it is the first', () => {
    expect(noteLatencies(first, null)).toEqual({ type: 'GatewayLatenciesReported', v: 1, data: first });
  });

  it.each([
    ['the same message again', first],
    ['an older message', report(6, { a: 1 })],
    ['the same figures', report(8, { b: 10_000, a: 40_000 })],
    ['figures within 5 %, or a millisecond', report(8, { a: 42_000, b: 9_000 })],
    ['the same a little later', report(8, { a: 40_000, b: 10_000 }, at + 59_999)],
  ])('says nothing new as %s', (_what, again) => {
    expect(noteLatencies(again, first)).toBeNull();
  });

  it.each([
    ['another figure', report(8, { a: 42_001, b: 10_000 })],
    ['a hub more', report(8, { a: 40_000, b: 10_000, c: 1 })],
    ['a hub less', report(8, { a: 40_000 })],
    ['another hub', report(8, { a: 40_000, c: 10_000 })],
    ['nothing of any hub', report(8, {})],
    ['the same a minute later', report(8, { a: 40_000, b: 10_000 }, at + 60_000)],
  ])('says something new as %s', (_what, other) => {
    expect(noteLatencies(other, first)?.data).toBe(other);
  });

  it('comes to the same however often messages come again, in any order of redelivery', () => {
    const reports = fc.array(fc.record({ us: fc.nat(9), later: fc.nat(3) }), { minLength: 1, maxLength: 20 });
    fc.assert(
      fc.property(reports, fc.array(fc.nat(4), { maxLength: 20 }), (given, backs) => {
        const messages = given.map(({ us, later }, index) => report(index, { a: us * 1000 }, at + later * 40_000));
        const fold = (delivered: readonly GatewayLatencies[]) =>
          delivered.reduce<GatewayLatencies | null>((held, it) => noteLatencies(it, held)?.data ?? held, null);
        const again = messages.flatMap((message, index) => [
          message,
          ...messages.slice(Math.max(0, index - (backs[index] ?? 0)), index + 1),
        ]);
        expect(fold(again)).toEqual(fold(messages));
      }),
    );
  });
});

describe('the table of gateways', () => {
  const of = (source: string, hubs: number) => ({
    source,
    offset: 1,
    latencies: Array.from({ length: hubs }, (_, index) => ({ hub: `hub-${index}`, us: 1, measuredAt: at })),
  });

  it('forgets who reported longest ago, when there are too many gateways or measurements', () => {
    const table = new GatewayTable({ gateways: 3, measurements: 10 });
    for (const source of ['a', 'b', 'c', 'a', 'd']) table.set(of(source, 1));
    expect(table.facts().map(({ source }) => source)).toEqual(['c', 'a', 'd']);
    table.set(of('e', 9));
    expect(table.facts().map(({ source }) => source)).toEqual(['d', 'e']);
    table.set(of('e', 1));
    table.set(of('f', 8));
    expect(table.facts().map(({ source }) => source)).toEqual(['d', 'e', 'f']);
  });

  it('holds no more than it may, and is the same from its facts, or from the newest report of each', () => {
    const sets = fc.array(fc.tuple(fc.constantFrom('a', 'b', 'c', 'd', 'e'), fc.nat(4)), { maxLength: 40 });
    fc.assert(
      fc.property(sets, (given) => {
        const max = { gateways: 3, measurements: 8 };
        const [table, restored, trimmed] = [new GatewayTable(max), new GatewayTable(max), new GatewayTable(max)];
        for (const [source, hubs] of given) table.set(of(source, hubs));
        const facts = table.facts();
        expect(facts.length).toBeLessThanOrEqual(max.gateways);
        expect(facts.reduce((sum, { latencies }) => sum + latencies.length, 0)).toBeLessThanOrEqual(max.measurements);
        for (const fact of facts) restored.set(fact);
        expect(restored.facts()).toEqual(facts);
        // Of each stream the store keeps the newest event only: who starts from it may remember more, never something else.
        const newest = given.filter(([source], index) => !given.slice(index + 1).some(([later]) => later === source));
        for (const [source, hubs] of newest) trimmed.set(of(source, hubs));
        for (const fact of facts) expect(trimmed.get(fact.source)).toEqual(fact);
      }),
    );
  });
});
