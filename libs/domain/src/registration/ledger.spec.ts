import { describe, expect, it } from '@jest/globals';
import { emptyLedger, evolveLedger, type LedgerEvent } from './ledger.js';

const folded = (...events: LedgerEvent[]) => {
  const ledger = emptyLedger(7);
  for (const [revision, event] of events.entries())
    evolveLedger(ledger, event, { revision, position: String(revision) });
  const { partition, generation, lastOffset, revision, configuration } = ledger;
  return { partition, generation, lastOffset, revision, configuration };
};
const at = '2026-01-01T00:00:00.000Z';
const claimed = (generation: number): LedgerEvent => ({
  type: 'PartitionClaimed',
  v: 1,
  data: { partition: 7, generation, allocator: 'one', at },
});
const noted = (configuration: string): LedgerEvent => ({
  type: 'ConfigurationNoted',
  v: 1,
  data: { generation: 1, configuration, at },
});

describe('a ledger', () => {
  it('stands before the first message and the first event when it is empty', () => {
    const empty = { partition: 7, generation: 0, lastOffset: -1, revision: -1, configuration: null };
    expect(folded()).toEqual(empty);
  });

  it("is of the newest claim's generation, and stands where it stood", () => {
    expect(folded(claimed(1), claimed(2))).toMatchObject({ generation: 2, lastOffset: -1, revision: 1 });
  });

  it('is decided by no older configuration than was noted last, and stands where it stood', () => {
    const last = { generation: 1, lastOffset: -1, revision: 2, configuration: '900' };
    expect(folded(claimed(1), noted('800'), noted('900'))).toMatchObject(last);
  });

  it('stops at an event that it does not know', () => {
    expect(() => folded({ type: 'PartitionMoved', v: 1, data: {} } as never)).toThrow('Not a known case');
  });
});
