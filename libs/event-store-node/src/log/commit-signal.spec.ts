import { describe, expect, it } from '@jest/globals';
import { CommitSignal } from './commit-signal.js';

/** Whether the promise resolves without anything else happening. */
async function resolvesByItself(promise: Promise<void>): Promise<boolean> {
  const pending = Symbol('pending');
  const first = await Promise.race([promise, new Promise((resolve) => setImmediate(resolve, pending))]);
  return first !== pending;
}

describe('CommitSignal', () => {
  it('does not lose a commit that comes while its watcher is still busy with the one before', async () => {
    const commits = new CommitSignal();
    const watch = commits.watch(undefined);
    commits.committed();
    expect(await resolvesByItself(watch.next())).toBe(true);
    expect(await resolvesByItself(watch.next())).toBe(false);
  });

  it('wakes a waiting watcher once, and then waits again', async () => {
    const commits = new CommitSignal();
    const watch = commits.watch(undefined);
    const next = watch.next();
    commits.committed();
    expect(await resolvesByItself(next)).toBe(true);
    expect(await resolvesByItself(watch.next())).toBe(false);
  });

  it('tells a watcher of one stream of commits to that stream only', async () => {
    const commits = new CommitSignal();
    const [mine, all] = [commits.watch('mine'), commits.watch(undefined)];
    commits.touch('other');
    commits.committed();
    expect(await resolvesByItself(all.next())).toBe(true);
    expect(await resolvesByItself(mine.next())).toBe(false);
    commits.touch('mine');
    commits.committed();
    expect(await resolvesByItself(mine.next())).toBe(true);
  });

  it('leaves alone whoever no longer watches', async () => {
    const commits = new CommitSignal();
    const watch = commits.watch(undefined);
    commits.unwatch(watch);
    commits.committed();
    expect(await resolvesByItself(watch.next())).toBe(false);
  });
});
