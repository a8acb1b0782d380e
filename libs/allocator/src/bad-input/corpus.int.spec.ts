import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type BadInput, badInputs, reporting } from './corpus.contract.js';
import { type Fate, startWorld, type World } from './world.contract.js';

let world: World;
/** By place in the corpus. */
let fates: Fate[][];

beforeAll(async () => {
  world = await startWorld();
  fates = await world.fatesOf(badInputs.map(({ record }) => record));
}, 120_000);
afterAll(() => world?.stop(), 30_000);

describe('bad input on the topic', () => {
  it('is of at least 200 kinds, each with a name of its own', () => {
    expect(badInputs.length).toBeGreaterThanOrEqual(200);
    expect(new Set(badInputs.map(({ name }) => name)).size).toBe(badInputs.length);
  });

  it.each(badInputs.map((input, at): [string, BadInput, number] => [input.name, input, at]))('%s', (_, input, at) => {
    const { record, outcome } = input;
    if ('noted' in outcome) return expect(fates[at]).toEqual([]);
    expect(fates[at]).toHaveLength(1);
    const [fate] = fates[at] as [Fate];
    if ('decided' in outcome) {
      expect('answer' in fate ? fate.answer.answer : fate.rejected.headers).toMatchObject({
        status: outcome.decided,
        ...(outcome.errorCode !== undefined && { errorCode: outcome.errorCode }),
        ...(outcome.reason !== undefined && { reason: expect.stringContaining(outcome.reason) }),
      });
      return;
    }
    if ('answer' in fate) throw new Error(`was decided: ${JSON.stringify(fate.answer)}`);
    const { key, value, headers } = fate.rejected;
    expect([headers['berth-path'], headers['berth-reason']]).toEqual([
      outcome.path,
      expect.stringContaining(outcome.rejected),
    ]);
    expect(key).toBe(record.key);
    expect(value.equals(record.value)).toBe(true);
    expect(headers).toMatchObject(record.headers);
  });

  it('changes nothing for objects that have no part in it', () => {
    expect(Object.keys(Object.prototype)).toEqual([]);
    expect({}).not.toHaveProperty('polluted');
  });

  it('leaves known what gateways reported', () => {
    const { latencies } = world.reportOf(reporting.source)!;
    expect(latencies.map(({ hub, us }) => [hub, us])).toEqual([['hub-b', 7000]]);
  });

  it('leaves every partition going on, and honest devices with a hub', async () => {
    for (const honest of await world.honest()) {
      expect(honest).toEqual([
        { answer: expect.objectContaining({ answer: expect.objectContaining({ status: 'assigned' }) }) },
      ]);
    }
  });
});
