import { describe, expect, it } from '@jest/globals';
import { type JSONRecordedEvent } from '@eventstore/db-client';
import {
  type ConfigurationEvent,
  emptyConfiguration,
  emptyLedger,
  evolveConfiguration,
  evolveLedger,
  explainPage,
  type LedgerEvent,
} from '@berth/domain';
import { readdirSync, readFileSync } from 'node:fs';
import { type BerthEvent, decode, newestShape } from './codec.js';

const folder = new URL('./fixtures/', import.meta.url);
const position = { commit: 64n, prepare: 64n };

/** A stored event of that shape, as today's code reads it. */
function read(file: string) {
  const [type = ''] = file.split('.');
  const data = JSON.parse(readFileSync(new URL(file, folder), 'utf8')) as JSONRecordedEvent['data'];
  const created = new Date(0);
  const record = {
    streamId: 's',
    id: 'i',
    revision: 0n,
    type,
    isJson: true as const,
    data,
    metadata: {},
    created,
    position,
  };
  return decode(record, position.commit);
}

function isLedgerEvent({ type }: BerthEvent): boolean {
  return ['PartitionClaimed', 'DecisionsRecorded', 'RegistrationReleased', 'ReleaseRefused'].includes(type);
}

describe('every shape ever stored', () => {
  const files = readdirSync(folder).sort();

  it('has its fixture, and every fixture its shape', () => {
    const shapes = Object.entries(newestShape).flatMap(([type, newest]) =>
      Array.from({ length: newest }, (_, index) => `${type}.v${index + 1}.json`),
    );
    expect(files).toEqual(shapes.sort());
  });

  it.each(files)('is read by today’s code as the newest: %s', (file) => {
    const { event } = read(file);
    expect(event.v).toBe(newestShape[event.type]);
    if (isLedgerEvent(event)) {
      const ledger = emptyLedger(3);
      evolveLedger(ledger, event as LedgerEvent, { revision: 7, position: '64' });
      expect(ledger.revision).toBe(7);
    } else if (event.type !== 'DeploymentFounded') {
      expect(() =>
        evolveConfiguration(emptyConfiguration(), event as ConfigurationEvent, { position: '64', at: 0 }),
      ).not.toThrow();
    }
  });

  it('folds a stored page to the same ledger, and explains it the same, for ever', () => {
    const { event } = read('DecisionsRecorded.v1.json');
    if (event.type !== 'DecisionsRecorded') throw new Error('another event');
    const ledger = emptyLedger(3);
    evolveLedger(ledger, event, { revision: 7, position: '64' });
    expect([...ledger.loads]).toEqual([
      ['hub-a', 2],
      ['hub-c', -1],
    ]);
    expect([...ledger.devices].map(([key]) => key).sort()).toEqual(['ghost', 'press-01', 'press-02', 'press-03']);
    expect(ledger.lastOffset).toBe(14);
    const explained = [...explainPage(event.data)].map(({ decision }) => decision.candidates.map(({ score }) => score));
    expect(explained).toEqual([['83/4', null], ['85/4', null], ['87/4', '15/2'], []]);
  });
});
