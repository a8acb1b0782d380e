import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);
const minute = 60_000;

export interface Ran {
  stdout: string;
  stderr: string;
}

/**
 * Runs a program and gives what it printed; never waits longer than `timeoutMs` (default: a minute).
 * @throws Error naming the program, its first arguments, and the last lines it printed.
 */
export async function runProgram(
  program: string,
  args: readonly string[],
  { timeoutMs = minute, env, cwd }: { timeoutMs?: number; env?: NodeJS.ProcessEnv; cwd?: string } = {},
): Promise<Ran> {
  try {
    // The arguments may hold a script: only their beginning names the failure.
    return await run(program, [...args], { timeout: timeoutMs, env, cwd, maxBuffer: 64 * 1024 * 1024 });
  } catch (error) {
    const { stdout = '', stderr = '', killed, code } = error as Partial<Ran> & { killed?: boolean; code?: unknown };
    const why = killed ? `was still running after ${timeoutMs / 1000} s` : `failed (${code})`;
    const lastLines = `${stdout}${stderr}`.trim().split('\n').slice(-15).join('\n');
    throw new Error(`${program} ${args.slice(0, 3).join(' ')} ${why}${lastLines ? `:\n${lastLines}` : ''}`, {
      cause: error,
    });
  }
}

/** The `docker` command against one engine. */
export class DockerCli {
  readonly host: string;

  /** @param host such as `unix:///var/run/docker.sock` */
  constructor(host: string) {
    this.host = host;
  }

  /** What it printed on standard output, trimmed. */
  async run(args: readonly string[], timeoutMs = minute): Promise<string> {
    const env = { ...process.env, DOCKER_HOST: this.host, DOCKER_CLI_HINTS: 'false' };
    return (await runProgram('docker', args, { timeoutMs, env })).stdout.trim();
  }

  /** One word for each line, such as ids. */
  async list(args: readonly string[]): Promise<string[]> {
    const output = await this.run(args);
    return output === '' ? [] : output.split('\n');
  }

  async answers(timeoutMs: number): Promise<boolean> {
    return this.run(['version', '--format', '{{.Server.Version}}'], timeoutMs).then(
      () => true,
      () => false,
    );
  }

  async hasImage(name: string): Promise<boolean> {
    return (await this.list(['image', 'ls', '--quiet', name])).length > 0;
  }
}
