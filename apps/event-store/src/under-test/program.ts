import { fork, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { fromSources } from '@berth/testing';

const PROGRAM = pathOf('../main.ts');

/** The program in a process of its own, run from its sources. */
export interface Program {
  readonly child: ChildProcess;
  readonly connectionString: string;
  /** Ends it, by default without any chance to clean up, and waits until it is gone. */
  end(signal?: NodeJS.Signals): Promise<Exit>;
}

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** What it wrote to its error output. */
  readonly complaint: string;
}

export type Environment = Readonly<Record<string, string>>;

/** @throws when the program ends before it serves. */
export async function startProgram(environment: Environment): Promise<Program> {
  const { child, exit } = launch(environment);
  const listening = once(child, 'message').then(([message]) => message as { host: string; port: number });
  const address = await Promise.race([listening, exit]);
  if (!('port' in address)) throw new Error(`The program ended early: ${JSON.stringify(address)}`);
  return {
    child,
    connectionString: `esdb://${address.host}:${address.port}?tls=false`,
    end(signal = 'SIGKILL') {
      child.kill(signal);
      return exit;
    },
  };
}

/** For a program that is not expected to serve. */
export function runProgram(environment: Environment): Promise<Exit> {
  return launch(environment).exit;
}

function launch(environment: Environment): { child: ChildProcess; exit: Promise<Exit> } {
  const child = fork(PROGRAM, {
    env: { ...environment },
    execArgv: [...fromSources],
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  const { stderr } = child;
  if (!stderr) throw new Error('The error output was asked for.');
  let complaint = '';
  stderr.on('data', (text: Buffer) => {
    complaint += text.toString();
  });
  const exit = Promise.all([once(child, 'exit'), once(stderr, 'close')]).then(
    ([[code, signal]]) => ({ code, signal, complaint }) as Exit,
  );
  return { child, exit };
}

/** A process that forks the program and then waits to be killed; resolves once the program serves. */
export async function startParentOfProgram(environment: Environment): Promise<ChildProcess> {
  const script = `
    const { fork } = require('node:child_process');
    const program = fork(${JSON.stringify(PROGRAM)}, { execArgv: ${JSON.stringify(fromSources)}, stdio: ['ignore', 'ignore', 'ignore', 'ipc'] });
    program.once('message', () => console.log('listening'));
  `;
  const parent = spawn(process.execPath, ['-e', script], {
    env: { ...environment },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(parent.stdout, 'data');
  return parent;
}

function pathOf(relative: string): string {
  return fileURLToPath(new URL(relative, import.meta.url));
}
