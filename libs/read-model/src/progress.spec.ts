import { describe, expect, it } from '@jest/globals';
import { Progress } from './progress.js';

describe('progress', () => {
  it('answers at once what is already shown', async () => {
    const progress = new Progress(10n);
    expect(await progress.reached(10n, 0)).toBe(true);
    expect(await progress.reached(9n, 0)).toBe(true);
  });

  it('wakes those whose position is reached, and them only', async () => {
    const progress = new Progress(null);
    const near = progress.reached(5n, 10_000);
    const far = progress.reached(6n, 20);
    progress.moveTo(5n);
    expect(await near).toBe(true);
    expect(await far).toBe(false);
  });

  it('goes back when tables are rebuilt', async () => {
    const progress = new Progress(10n);
    progress.moveTo(null);
    expect(progress.position).toBeNull();
    expect(await progress.reached(1n, 1)).toBe(false);
  });

  it('lets nobody wait longer than they said, nor beyond its end', async () => {
    const progress = new Progress(null);
    expect(await progress.reached(1n, 1)).toBe(false);
    const waiting = progress.reached(1n, 1_000_000);
    progress.close();
    expect(await waiting).toBe(false);
    expect(await progress.reached(1n, 1_000_000)).toBe(false);
  });
});
