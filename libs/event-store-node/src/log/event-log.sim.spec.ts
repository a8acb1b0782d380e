import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { randomUUID } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { EventLog } from './event-log.js';
import type { WriteOutcome } from './event-writer.js';
import { NO_REVISION, type ExpectedRevision, type ProposedEvent } from './records.js';
import { append, everything, proposal } from '../under-test/log-under-test.js';

/*
 * Random histories over a few streams, with repetitions, deletions, groups sharing a commit and restarts, beside a model that
 * holds nothing but arrays.
 */

const STREAMS = ['a', 'b', 'c'];

type Step =
  | { do: 'append'; stream: string; expected: ExpectedRevision | 'right'; count: number }
  | { do: 'repeat'; back: number }
  | { do: 'delete' | 'tombstone'; stream: string }
  | { do: 'reopen' };

interface Appended {
  readonly stream: string;
  readonly expected: ExpectedRevision;
  readonly events: readonly ProposedEvent[];
  readonly answer: WriteOutcome;
}

/** What a stream should hold: event ids by revision, undefined where they were deleted. */
class ModelStream {
  ids: (string | undefined)[] = [];
  tombstoned = false;
  softDeleted = false;

  get last(): number {
    return this.ids.length - 1;
  }

  get readable(): [revision: number, id: string][] {
    return this.ids.flatMap((id, revision) => (id === undefined ? [] : [[revision, id] satisfies [number, string]]));
  }
}

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 10,
    arbitrary: fc.record({
      do: fc.constant('append' as const),
      stream: fc.constantFrom(...STREAMS),
      expected: fc.oneof(
        { weight: 5, arbitrary: fc.constant('right' as const) },
        { weight: 3, arbitrary: fc.constantFrom<ExpectedRevision>('any', 'noStream', 'streamExists') },
        { weight: 1, arbitrary: fc.nat({ max: 12 }) },
      ),
      count: fc.integer({ min: 1, max: 4 }),
    }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('repeat' as const), back: fc.nat({ max: 3 }) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('delete' as const), stream: fc.constantFrom(...STREAMS) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('tombstone' as const), stream: fc.constantFrom('c') }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('reopen' as const) }) },
);

class World {
  readonly #folder = mkdtempSync(join(tmpdir(), 'event-log-sim-'));
  readonly #streams = new Map(STREAMS.map((name) => [name, new ModelStream()]));
  readonly #appended: Appended[] = [];
  #log: EventLog | undefined;
  #positions = 0;

  async run(steps: readonly Step[]): Promise<void> {
    try {
      this.#log = await EventLog.open({ folder: this.#folder, lockPatienceMs: 0 });
      for (const next of steps) {
        await this.#take(next);
        this.#compare();
      }
    } finally {
      this.#log?.close();
      rmSync(this.#folder, { recursive: true, force: true });
    }
  }

  get #open(): EventLog {
    if (!this.#log) throw new Error('The log is not open.');
    return this.#log;
  }

  #model(name: string): ModelStream {
    const stream = this.#streams.get(name);
    if (!stream) throw new Error(`There is no stream ${name}.`);
    return stream;
  }

  async #take(next: Step): Promise<void> {
    switch (next.do) {
      case 'append':
        return this.#append(next.stream, next.expected, next.count);
      case 'repeat':
        return this.#repeat(next.back);
      case 'reopen':
        this.#open.close();
        this.#log = await EventLog.open({ folder: this.#folder, lockPatienceMs: 0 });
        return;
      default:
        return this.#remove(next.do, next.stream);
    }
  }

  async #append(name: string, wanted: ExpectedRevision | 'right', count: number): Promise<void> {
    const stream = this.#model(name);
    const right = stream.last === NO_REVISION ? 'noStream' : stream.last;
    const expected = wanted === 'right' ? right : wanted;
    const events = Array.from({ length: count }, () => proposal('{}', randomUUID()));
    const answer = await append(this.#open, name, events, expected);
    expect(answer.kind).toBe(this.#verdict(stream, expected));
    if (answer.kind !== 'written') return;
    stream.ids.push(...events.map((event) => event.id.toString('hex')));
    stream.softDeleted = false;
    expect(answer.revision).toBe(stream.last);
    this.#appended.push({ stream: name, expected, events, answer });
  }

  #verdict(stream: ModelStream, expected: ExpectedRevision): WriteOutcome['kind'] {
    if (stream.tombstoned) return 'stream-deleted';
    if (expected === 'any') return 'written';
    if (expected === 'noStream')
      return stream.last === NO_REVISION || stream.softDeleted ? 'written' : 'wrong-expected-revision';
    if (expected === 'streamExists') {
      if (stream.softDeleted) return 'stream-deleted';
      return stream.last === NO_REVISION ? 'wrong-expected-revision' : 'written';
    }
    return expected === stream.last ? 'written' : 'wrong-expected-revision';
  }

  /** An append that was answered once is sent again, as after a lost answer. */
  async #repeat(back: number): Promise<void> {
    const earlier = this.#appended.at(-1 - back);
    if (!earlier) return;
    const stream = this.#model(earlier.stream);
    const stillThere = earlier.events.every((event) => stream.ids.includes(event.id.toString('hex')));
    if (!stillThere) return; // deleted since: a new append, judged like any other
    const answer = await append(this.#open, earlier.stream, earlier.events, earlier.expected);
    // Repeating what brought a deleted stream back is no repetition to a real server either: it looks at revision 0.
    const [first] = stream.readable.find(([, id]) => id === earlier.events[0]?.id.toString('hex')) ?? [0];
    if (earlier.expected === 'noStream' && first > 0) expect(answer.kind).toBe('wrong-expected-revision');
    else expect(answer).toEqual(earlier.answer);
  }

  async #remove(how: 'delete' | 'tombstone', name: string): Promise<void> {
    const stream = this.#model(name);
    const outcome = await new Promise<WriteOutcome>((resolve, reject) => {
      this.#open[how]({ stream: name, expected: 'any' }, (settled) =>
        settled.ok ? resolve(settled.value) : reject(settled.error),
      );
    });
    expect(outcome.kind).toBe(stream.tombstoned ? 'stream-deleted' : 'written');
    stream.ids = stream.ids.map(() => undefined);
    stream.softDeleted = true;
    stream.tombstoned ||= how === 'tombstone';
  }

  #compare(): void {
    const headers = everything(this.#open);
    const newest = headers.at(-1)?.position ?? 0;
    expect(newest).toBeGreaterThanOrEqual(this.#positions);
    this.#positions = newest;
    for (const [name, stream] of this.#streams) {
      const stored = headers.filter((header) => header.stream === name && header.type !== '$streamDeleted');
      expect(stored.map(({ revision, id }) => [revision, Buffer.from(id).toString('hex')])).toEqual(stream.readable);
      const view = this.#open.reader.view(name);
      if (stream.tombstoned) expect(view.kind).toBe('deleted');
      else expect(view.kind).toBe(stream.last === NO_REVISION || stream.softDeleted ? 'not-found' : 'readable');
      if (view.kind === 'readable') {
        const read = this.#open.reader.readStream(view, 'forwards', 0, 1000);
        expect(read.map(({ revision }) => revision)).toEqual(stream.readable.map(([revision]) => revision));
      }
    }
  }
}

describe('the log beside a model', () => {
  it('answers, holds and shows the same, whatever the history', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 20, maxLength: 60, size: 'max' }), (steps) =>
        new World().run(steps),
      ),
      { numRuns: 25 }, // on failure fast-check prints the seed and the shortest history it found
    );
  }, 60_000);
});
