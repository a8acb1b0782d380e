import { execFile } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const pom = join(import.meta.dirname, 'pom.xml');
const cache = join(import.meta.dirname, '..', '..', '.kafka');
const fetchMs = 10 * 60_000;

/** There is no Java, or no Maven to fetch the broker with: says which, and what to do about it. */
export class KafkaUnavailable extends Error {
  override readonly name = 'KafkaUnavailable';
}

/** Why there is no broker on this machine; null when there is one. */
export async function missingKafka(): Promise<string | null> {
  try {
    await kafkaJars();
    return null;
  } catch (error) {
    if (error instanceof KafkaUnavailable) return error.message;
    throw error;
  }
}

/** The folder with a broker's jars. Maven fetches them the first time, which takes some 45 MB. */
export async function kafkaJars(): Promise<string> {
  await assertRuns('java', ['-version'], 'install a Java runtime, 17 or newer');
  const folder = join(cache, 'lib');
  if (isThere(folder)) return folder;
  await assertRuns('mvn', ['-version'], 'install Maven, which fetches the broker from Maven Central');
  // Beside it first: a fetch that was cut off must not pass for a whole one.
  const fetching = join(cache, `fetching-${process.pid}`);
  await mkdir(fetching, { recursive: true });
  try {
    const goals = ['dependency:copy-dependencies', '-DincludeScope=runtime', `-DoutputDirectory=${fetching}`];
    await run('mvn', ['-q', '-B', '-f', pom, ...goals], { timeout: fetchMs });
    // Another process may have been faster, and have a broker running from that folder: it stays.
    await rename(fetching, folder).catch((error: unknown) => {
      if (!isThere(folder)) throw error;
    });
    return folder;
  } catch (error) {
    throw new KafkaUnavailable(`Maven could not fetch the broker: ${lastLines(error)}`, { cause: error });
  } finally {
    await rm(fetching, { recursive: true, force: true });
  }
}

function isThere(folder: string): boolean {
  return existsSync(folder) && readdirSync(folder).some((file) => file.startsWith('kafka_'));
}

async function assertRuns(command: string, args: readonly string[], advice: string): Promise<void> {
  try {
    await run(command, [...args]);
  } catch (error) {
    throw new KafkaUnavailable(`${command} does not run here: ${advice}`, { cause: error });
  }
}

function lastLines(error: unknown): string {
  const output = error instanceof Error && 'stdout' in error ? String(error.stdout) : '';
  const lines = output.split('\n').filter((line) => line.includes('ERROR'));
  return lines.slice(0, 3).join(' ') || String(error);
}
