import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { shareOut } from './share-out.js';

const nobody: (string | undefined)[] = [undefined, undefined, undefined, undefined];

describe('sharing partitions out', () => {
  it('gives nobody anything when there is nobody', () => {
    expect(shareOut(['a', 'b'], [])).toEqual([undefined, undefined]);
  });

  it('gives all to the only one', () => {
    expect(shareOut(nobody, ['a'])).toEqual(['a', 'a', 'a', 'a']);
  });

  it('moves no more than the newcomer is due', () => {
    expect(shareOut(['a', 'a', 'a', 'a'], ['a', 'b'])).toEqual(['a', 'a', 'b', 'b']);
  });

  it('leaves a partition over with the one who has it', () => {
    expect(shareOut(['b', 'a', 'b'], ['a', 'b'])).toEqual(['b', 'a', 'b']);
  });

  it('always gives every partition to a member, in shares that differ by one at most', () => {
    const member = fc.constantFrom('a', 'b', 'c', 'd', 'e');
    const owners = fc.array(fc.option(member, { nil: undefined }), { maxLength: 70 });
    fc.assert(
      fc.property(owners, fc.uniqueArray(member, { minLength: 1 }), (before, members) => {
        const shares = members.map(() => 0);
        const after = shareOut(before, members);
        for (const owner of after) shares[members.indexOf(owner!)]! += 1;
        expect(after).toHaveLength(before.length);
        expect(Math.max(...shares) - Math.min(...shares)).toBeLessThanOrEqual(1);
        expect(shareOut(after, members)).toEqual(after);
      }),
    );
  });
});
