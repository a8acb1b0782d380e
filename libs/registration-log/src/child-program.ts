import { type ChildProcess, fork, execFile } from 'node:child_process';
import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const library = fileURLToPath(new URL('..', import.meta.url));
const modules = fileURLToPath(new URL('../../../node_modules', import.meta.url));

/** This library as `build` would make it, in a folder of its own, for specs that need a process to kill. */
export class CompiledLibrary {
  readonly folder: string;

  private constructor(folder: string) {
    this.folder = folder;
  }

  static async make(): Promise<CompiledLibrary> {
    const folder = await mkdtemp(join(tmpdir(), 'berth-compiled-'));
    const swc = join(modules, '.bin', 'swc');
    const options = ['src', '-d', folder, '--strip-leading-paths', '--config-file', '../../.swcrc', '--quiet'];
    await promisify(execFile)(process.execPath, [swc, ...options], { cwd: library });
    await writeFile(join(folder, 'package.json'), '{"type":"module"}');
    await symlink(modules, join(folder, 'node_modules'));
    return new CompiledLibrary(folder);
  }

  /** Runs a module's text as a process; its relative imports are those of `src`. It talks by `process.send`. */
  async run(program: string, args: readonly string[]): Promise<ChildProgram> {
    const file = join(this.folder, `program-${process.hrtime.bigint()}.js`);
    await writeFile(file, program);
    return new ChildProgram(fork(file, [...args], { execArgv: ['--disable-warning=TimeoutNegativeWarning'] }));
  }

  remove(): Promise<void> {
    return rm(this.folder, { recursive: true, force: true });
  }
}

/** A process that a spec started, what it said, and the means to kill it. */
export class ChildProgram {
  readonly messages: unknown[] = [];
  private readonly child: ChildProcess;
  private readonly ended: Promise<unknown>;

  constructor(child: ChildProcess) {
    this.child = child;
    child.on('message', (message) => this.messages.push(message));
    const closed = new Promise((resolve) => child.once('close', resolve));
    // What it said last may still be on its way when it is gone.
    const silent = new Promise((resolve) => child.once('disconnect', resolve));
    this.ended = Promise.all([closed, silent]);
  }

  /** Stops it in its tracks, as a machine does that is suspended; it does not notice. */
  freeze(): void {
    this.child.kill('SIGSTOP');
  }

  thaw(): void {
    this.child.kill('SIGCONT');
  }

  /** What it said in messages of the one field `word`. */
  said<T>(word: string): T[] {
    return this.messages.flatMap((message) => {
      return typeof message === 'object' && message !== null && word in message
        ? [(message as Record<string, T>)[word]!]
        : [];
    });
  }

  /** SIGKILL: no handler runs, nothing is flushed, nobody is told. */
  async kill(): Promise<void> {
    this.child.kill('SIGKILL');
    await this.ended;
  }
}
