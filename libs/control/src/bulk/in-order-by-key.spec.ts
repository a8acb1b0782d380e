import { describe, expect, it } from '@jest/globals';
import { inOrderByKey } from './in-order-by-key.js';

const tick = () => new Promise((resolve) => setImmediate(resolve));

describe('rows in order by key', () => {
  it('are worked on together up to a bound, and those of one key never', async () => {
    const rows = Array.from({ length: 40 }, (_, index) => (index % 4 === 0 ? 'same' : `row-${index}`));
    const underWay: string[] = [];
    const begun: number[] = [];
    let most = 0;
    const done = await inOrderByKey(
      rows,
      (row) => row,
      5,
      async (row, index) => {
        expect(underWay).not.toContain(row);
        underWay.push(row);
        begun.push(index);
        most = Math.max(most, underWay.length);
        await tick();
        underWay.splice(underWay.indexOf(row), 1);
        return `${row} ${index}`;
      },
    );
    expect(done).toEqual(rows.map((row, index) => `${row} ${index}`));
    expect(most).toBe(5);
    const ofSame = begun.filter((index) => index % 4 === 0);
    expect(ofSame).toEqual([...ofSame].sort((a, b) => a - b));
  });

  it('end with the first failure, once nothing is under way', async () => {
    const begun: number[] = [];
    let underWay = 0;
    const failing = inOrderByKey(
      Array.from({ length: 100 }, (_, index) => index),
      String,
      4,
      async (row) => {
        begun.push(row);
        underWay += 1;
        await tick();
        underWay -= 1;
        if (row === 6) throw new Error('the sixth');
      },
    );
    await expect(failing).rejects.toThrow('the sixth');
    expect(underWay).toBe(0);
    expect(begun.length).toBeLessThan(20);
  });

  it('are none of none', async () => {
    expect(await inOrderByKey([], String, 4, () => Promise.reject(new Error('no row')))).toEqual([]);
  });
});
