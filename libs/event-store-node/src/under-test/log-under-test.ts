import { randomUUID } from 'node:crypto';
import type { AppendRequest, WriteOutcome } from '../log/event-writer.js';
import type { EventLog } from '../log/event-log.js';
import type { EventHeader, ExpectedRevision, ProposedEvent } from '../log/records.js';
import { bytesOfUuid } from '../log/uuid.js';

export function proposal(text = '{}', id = randomUUID() as string): ProposedEvent {
  return { id: bytesOfUuid(id), type: 'Happened', isJson: true, data: Buffer.from(text), metadata: Buffer.alloc(0) };
}

/** @throws what kept the append from the disk. */
export function append(
  log: EventLog,
  stream: string,
  events: readonly ProposedEvent[],
  expected: ExpectedRevision = 'any',
): Promise<WriteOutcome> {
  return settled((settle) => log.append({ stream, expected, events } satisfies AppendRequest, settle));
}

export function remove(log: EventLog, stream: string): Promise<WriteOutcome> {
  return settled((settle) => log.delete({ stream, expected: 'any' }, settle));
}

type Settle = Parameters<EventLog['append']>[1];

function settled(start: (settle: Settle) => void): Promise<WriteOutcome> {
  return new Promise((resolve, reject) => {
    start((outcome) => (outcome.ok ? resolve(outcome.value) : reject(outcome.error)));
  });
}

const ALL = 1_000_000;

export function everything(log: EventLog): EventHeader[] {
  return log.reader.readAll('forwards', 0, ALL);
}

export function textsOf(log: EventLog, stream: string): string[] {
  return everything(log)
    .filter((header) => header.stream === stream)
    .map(({ position }) => Buffer.from(log.reader.bodyOf(position)?.data ?? []).toString());
}

/** Small, seeded and good enough to choose where to damage a file. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}
