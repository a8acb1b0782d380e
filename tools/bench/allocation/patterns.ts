// What the pipes write: pages and answers as the allocator has made them, in a file, so that a pipe needs none of its code.
import type { DecisionsRecorded } from '@berth/domain';
import type { LogRecord } from '@berth/registration-log';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** What the allocator has left behind in one partition. */
export interface Pattern {
  page: DecisionsRecorded;
  answers: readonly LogRecord[];
}

const fileName = 'patterns.json';

/** @param patterns by partition. */
export function keepPatterns(folder: string, patterns: readonly Pattern[]): void {
  writeFileSync(join(folder, fileName), JSON.stringify(patterns));
}

export function keptPatterns(folder: string): Pattern[] {
  const patterns = JSON.parse(readFileSync(join(folder, fileName), 'utf8')) as {
    page: DecisionsRecorded;
    answers: { key: string; value: { data: number[] }; headers: Record<string, string> }[];
  }[];
  return patterns.map(({ page, answers }) => {
    // One object, as the allocator has them.
    const headers = Object.freeze(answers[0]!.headers);
    return { page, answers: answers.map(({ key, value }) => ({ key, value: Buffer.from(value.data), headers })) };
  });
}

/** A page of as many outcomes. */
export function pageOf({ page }: Pattern, count: number): DecisionsRecorded {
  return { ...page, outcomes: Array.from({ length: count }, (_, at) => page.outcomes[at % page.outcomes.length]!) };
}

export function answersOf({ answers }: Pattern, count: number): LogRecord[] {
  return Array.from({ length: count }, (_, at) => answers[at % answers.length]!);
}
