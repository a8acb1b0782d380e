import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { lineBytesMax, LineSplitter } from './lines.js';

function linesOf(chunks: readonly Buffer[]) {
  const splitter = new LineSplitter();
  return [...chunks.flatMap((chunk) => [...splitter.push(chunk)]), ...splitter.end()].map(({ content, bytes }) => ({
    text: content?.toString() ?? null,
    bytes,
  }));
}

describe('lines', () => {
  it('are the same however the bytes are cut, and their bytes add up', () => {
    const text = fc
      .array(fc.constantFrom('a', 'ü', '\n', '\r\n', '{"x":1}'), { maxLength: 60 })
      .map((it) => it.join(''));
    fc.assert(
      fc.property(text, fc.array(fc.nat(200)), (whole, cuts) => {
        const bytes = Buffer.from(whole);
        const at = [0, ...cuts.filter((cut) => cut < bytes.length).sort((a, b) => a - b), bytes.length];
        const chunks = at.slice(1).map((end, index) => bytes.subarray(at[index], end));
        const expected = whole.split('\n');
        if (expected.at(-1) === '') expected.pop();
        const lines = linesOf(chunks);
        expect(lines.map((line) => line.text)).toEqual(expected);
        expect(lines.reduce((sum, line) => sum + line.bytes, 0)).toBe(bytes.length);
      }),
    );
  });

  it('that are too long are passed over, however long they are', () => {
    const chunk = Buffer.alloc(lineBytesMax, 'x');
    const end = Buffer.from('x\nshort\n');
    expect(linesOf([chunk, chunk, chunk, end])).toEqual([
      { text: null, bytes: 3 * lineBytesMax + 2 },
      { text: 'short', bytes: 6 },
    ]);
    expect(linesOf([chunk, Buffer.from('\n')])[0]).toMatchObject({ bytes: lineBytesMax + 1, text: expect.any(String) });
  });
});
