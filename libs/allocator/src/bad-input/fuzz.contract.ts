import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type LogRecord } from '@berth/registration-log';
import fc from 'fast-check';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { badInputs, source } from './corpus.contract.js';
import { type Fate, isReport, startWorld, type World } from './world.contract.js';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

const atOnce = 500;
const sameKey = 'the key that the message had';
/** What may be more in use at the end than after a fifth of the messages. */
const growthMaxMb = 24;

/** What a device that is assigned must have brought; the world enrolls these for the word of the gateway. */
const trusted = new Set(['press-01', 'near', 'paris', 'asked']);

/** Any message whatever, most of them almost honest: what is wholly random is refused at the first look. */
function anyMessage(): fc.Arbitrary<LogRecord> {
  const small = badInputs.filter(({ record }) => record.value.length < 20_000);
  const decided = small.filter(({ outcome }) => 'decided' in outcome || 'noted' in outcome);
  const corpus = fc
    .oneof({ weight: 2, arbitrary: fc.constantFrom(...decided) }, { weight: 1, arbitrary: fc.constantFrom(...small) })
    .map(({ record }) => record);
  const member = fc.constantFrom(
    ...['specversion', 'id', 'source', 'type', 'datacontenttype', 'berthminposition', 'data', 'data_base64'],
    ...[
      'registrationId',
      'attestation',
      'payload',
      'hubLatencies',
      'region',
      'token',
      'chain',
      '__proto__',
      'constructor',
    ],
  );
  const key = fc.oneof<fc.WeightedArbitrary<string | null>[]>(
    { weight: 6, arbitrary: fc.constant(sameKey) },
    { weight: 1, arbitrary: fc.option(fc.string({ maxLength: 40, unit: 'binary' })) },
    { weight: 1, arbitrary: fc.constantFrom('press-01', 'press-key', 'off', 'near', 'asked', source) },
  );
  const header = fc.constantFrom(
    'content-type',
    'ce_id',
    'ce_type',
    'ce_source',
    'ce_specversion',
    'berth-reason',
    'x',
    '',
  );
  const damage = fc.oneof(
    fc.record({ kind: fc.constant<'bytes'>('bytes'), at: fc.nat(), bytes: fc.uint8Array({ maxLength: 12 }) }),
    fc.record({ kind: fc.constant<'cut'>('cut'), at: fc.nat() }),
    fc.record({ kind: fc.constant<'member'>('member'), member, value: fc.json({ maxDepth: 3 }), deep: fc.boolean() }),
    fc.record({ kind: fc.constant<'header'>('header'), header, value: fc.string({ maxLength: 40 }) }),
    fc.constant({ kind: 'none' as const }),
  );
  const damaged = fc
    .tuple(corpus, fc.array(damage, { maxLength: 3 }), key)
    .map(([record, damages, otherKey]): LogRecord => {
      let { value } = record;
      let headers = record.headers;
      for (const one of damages) {
        if (one.kind === 'cut') value = value.subarray(0, one.at % (value.length + 1));
        if (one.kind === 'bytes') {
          const at = one.at % (value.length + 1);
          value = Buffer.concat([value.subarray(0, at), one.bytes, value.subarray(at + one.bytes.length)]);
        }
        if (one.kind === 'member') {
          // After the first bracket, or after that of the data: what stands there already comes later and wins, or is hidden.
          const text = value.toString('latin1');
          const at = text.indexOf('{', one.deep ? text.indexOf('"data"') : 0) + 1;
          value = Buffer.from(`${text.slice(0, at)}"${one.member}":${one.value},${text.slice(at)}`, 'utf8');
        }
        if (one.kind === 'header') headers = { ...headers, [one.header]: one.value };
      }
      return { key: otherKey === sameKey ? record.key : otherKey, value, headers };
    });
  const random = fc.record({
    key: fc.option(fc.string({ maxLength: 20, unit: 'binary' })),
    value: fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
    headers: fc.dictionary(fc.string({ maxLength: 12 }), fc.string({ maxLength: 20 }), { maxKeys: 4 }),
  });
  return fc.oneof({ weight: 9, arbitrary: damaged }, { weight: 1, arbitrary: random });
}

/** Throws that many messages at an allocator; every one must have one outcome, or be a report, and none a hub it has no right to. */
export function describeFuzz(messages: number, givenSeed: string | undefined): void {
  describe('any messages on the topic', () => {
    let world: World;
    beforeAll(async () => {
      world = await startWorld();
    }, 60_000);
    afterAll(() => world?.stop(), 30_000);

    it(
      `${messages} of them, get one outcome each, or are reports, and the memory in use stays flat`,
      async () => {
        const seed = givenSeed === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(givenSeed);
        const usedMb: number[] = [];
        const seen = { assigned: 0, failed: 0, disabled: 0, unassigned: 0, rejected: 0, noted: 0 };
        const anyBatch = fc.array(anyMessage(), { minLength: atOnce, maxLength: atOnce });
        console.log(`fuzz: BERTH_SEED=${seed}`);
        await fc.assert(
          fc.asyncProperty(anyBatch, async (records) => {
            const fates = await world.fatesOf(records);
            for (const [at, record] of records.entries()) {
              const outcome = expectOneOutcome(record, fates[at]!);
              seen[outcome] += 1;
            }
            collectGarbage();
            const { heapUsed, arrayBuffers } = process.memoryUsage();
            usedMb.push((heapUsed + arrayBuffers) / 1e6);
          }),
          { seed, numRuns: messages / atOnce, endOnFailure: true },
        );
        for (const honest of await world.honest())
          expect(honest).toMatchObject([{ answer: { answer: { status: 'assigned' } } }]);
        const early = Math.max(...usedMb.slice(0, Math.ceil(usedMb.length / 5)));
        const late = usedMb.at(-1)!;
        console.log(
          `fuzz: ${messages} messages, ${JSON.stringify(seen)}, in use ${early.toFixed(0)} MB early, ${late.toFixed(0)} MB at the end`,
        );
        expect(late - early).toBeLessThan(growthMaxMb);
        // Or it would not have come far into the parts that it is to try.
        const { assigned, failed, disabled, rejected, noted } = seen;
        expect(Math.min(assigned, failed, disabled, rejected, noted)).toBeGreaterThan(0);
      },
      60_000 + messages * 20,
    );
  });
}

function expectOneOutcome(
  record: LogRecord,
  fates: readonly Fate[],
): 'assigned' | 'failed' | 'disabled' | 'unassigned' | 'rejected' | 'noted' {
  if (isReport(record)) {
    expect(fates).toEqual([]);
    return 'noted';
  }
  expect(fates).toHaveLength(1);
  const [fate] = fates as [Fate];
  if ('answer' in fate) {
    const { status, registrationId } = fate.answer.answer;
    expect(record.key).toBe(registrationId.toLowerCase());
    if (status === 'assigned' && !trusted.has(record.key!))
      expect(record.value.toString()).toContain('SharedAccessSignature');
    if (status === 'assigned' && trusted.has(record.key!)) expect(textOf(record)).toContain(source);
    return status;
  }
  const { key, value, headers } = fate.rejected;
  expect(headers['berth-reason']).not.toBe('');
  // Half a character can't be told in UTF-8, in which keys and headers are written.
  expect(key).toBe(record.key === null ? null : record.key.toWellFormed());
  expect(value.equals(record.value)).toBe(true);
  return 'rejected';
}

const textOf = ({ value, headers }: LogRecord) => value.toString() + Object.values(headers).join();
