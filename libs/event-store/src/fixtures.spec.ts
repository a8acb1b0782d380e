import { describe, expect, it } from '@jest/globals';
import { type DecisionsRecorded, explainPage } from '@berth/domain';
import { newestShape } from './codec.js';
import { fixtures, readFixture, storedData } from './under-test/read-fixture.js';

function readPage(of: string): DecisionsRecorded {
  const event = readFixture(`DecisionsRecorded.v1${of}.json`);
  if (event.type !== 'DecisionsRecorded') throw new Error('another event');
  return event.data;
}

describe('every shape ever stored', () => {
  it('has its fixture, and every fixture its shape', () => {
    const shapes = Object.entries(newestShape).flatMap(([type, newest]) =>
      Array.from({ length: newest }, (_, index) => `${type}.v${index + 1}`),
    );
    // A shape has more than one where fields came to it that may be absent.
    const of = new Set(fixtures.map((file) => file.split('.').slice(0, 2).join('.')));
    expect([...of].sort()).toEqual(shapes.sort());
  });

  it.each(fixtures)('is read by today’s code as the newest: %s', (file) => {
    const { type, v } = readFixture(file);
    expect(v).toBe(newestShape[type]);
  });

  it('explains a page of one allocator among several the same for ever', () => {
    const page = readPage('.of-several-allocators');
    const explained = [...explainPage(page)].map(({ decision }) =>
      decision.candidates.map(({ verdict, score }) => `${verdict} ${score}`),
    );
    expect(explained).toEqual([
      ['chosen 10570/4096', 'slowStart null', 'leased null'],
      ['eligible 14666/4096', 'chosen 9000/4096', 'leased null'],
    ]);
  });

  it('explains a page by latencies the same for ever, and who said them', () => {
    const page = readPage('.by-latencies');
    const [explained] = [...explainPage(page)];
    expect(explained!.decision.candidates.map(({ verdict, latency }) => [verdict, latency])).toEqual([
      ['farther', { ms: 50, from: 'registration' }],
      ['farther', { ms: 20, from: 'gateway' }],
      ['chosen', { ms: 10, from: 'region' }],
      ['unscored', undefined],
    ]);
  });

  it('explains a page that states once what a region’s devices go by the same for ever', () => {
    const page = readPage('.with-latency-tables');
    const explained = [...explainPage(page)].map(({ decision }) =>
      decision.candidates.map(({ verdict, latency }) => `${verdict} ${latency?.ms} ${latency?.from}`),
    );
    expect(explained).toEqual([
      ['farther 80 region', 'full undefined undefined', 'chosen 8 region'],
      ['chosen 1 registration', 'full undefined undefined', 'farther 8 region'],
    ]);
  });

  it('explains a page that requires labels the same for ever', () => {
    const page = readPage('.requiring-labels');
    const explained = [...explainPage(page)].map(({ decision }) =>
      decision.candidates.map(({ verdict, reason }) => [verdict, reason]),
    );
    expect(explained).toEqual([
      [
        ['chosen', null],
        ['lacksLabels', 'the hub lacks the label tier=gold'],
        ['lacksLabels', 'the hub lacks the label site=paris, and 1 more'],
      ],
    ]);
  });

  it('explains a page that webhooks had a part in the same for ever', () => {
    const page = readPage('.of-webhooks');
    const explained = [...explainPage(page)].map(({ decision: { candidates, webhook } }) => [
      ...candidates.map(({ verdict, score }) => `${verdict} ${score}`),
      `${webhook?.hub} ${webhook?.fault} ${webhook?.fallback}`,
    ]);
    expect(explained).toEqual([
      ['eligible null', 'chosen null', 'eligible null', 'hub-b null null'],
      ['kept null', 'eligible null', 'eligible null', 'hub-a null null'],
      ['eligible null', 'eligible null', 'eligible null', 'null answered 503 null'],
      ['eligible 83/2', 'chosen 7/2', 'eligible 7/2', 'null gave no answer within 5000 ms evenlyWeighted'],
    ]);
  });

  it('explains a page of the first kind the same for ever', () => {
    const explained = [...explainPage(readPage(''))].map(({ decision }) =>
      decision.candidates.map(({ score }) => score),
    );
    expect(explained).toEqual([['83/4', null], ['85/4', null], ['87/4', '15/2'], []]);
  });

  it('adds to an old enrollment what it could not say yet, and takes nothing away', () => {
    const { v: _v, ...before } = storedData('EnrollmentCreated.v1.json') as Record<string, unknown>;
    expect(readFixture('EnrollmentCreated.v1.json').data).toEqual({
      ...before,
      capabilities: { iotEdge: false },
      validity: { notBefore: null, notAfter: null },
      singleUse: false,
      optionalDeviceInformation: null,
    });
  });
});
