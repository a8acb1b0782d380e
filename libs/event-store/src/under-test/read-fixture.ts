import { type JSONRecordedEvent } from '@eventstore/db-client';
import { readdirSync, readFileSync } from 'node:fs';
import { type BerthEvent, decode, type StoredEvent } from '../codec.js';

const folder = new URL('../fixtures/', import.meta.url);

/** Of every shape ever stored one at least: `<type>.v<shape>[.<what it is of>].json`. */
export const fixtures = readdirSync(folder).sort();

/** Data as it was stored, its shape beside it. */
export function storedData(file: string): JSONRecordedEvent['data'] {
  return JSON.parse(readFileSync(new URL(file, folder), 'utf8')) as JSONRecordedEvent['data'];
}

/** As today's code reads it. */
export function readFixture(file: string): BerthEvent {
  const [type = ''] = file.split('.');
  const position = { commit: 64n, prepare: 64n };
  const record = { streamId: 's', id: 'i', revision: 0n, type, isJson: true as const, data: storedData(file) };
  const stored: StoredEvent = decode({ ...record, metadata: {}, created: new Date(0), position }, position.commit);
  return stored.event;
}
