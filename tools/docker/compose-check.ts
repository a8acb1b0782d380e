import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runProgram } from './cli.ts';

const files = ['compose.yaml', 'compose.event-store.yaml'];

/** Has `docker compose` read Berth's files. Gives false, and does nothing, where it isn't installed. @throws what it complains of. */
export async function checkComposeFiles(): Promise<boolean> {
  const isThere = await runProgram('docker', ['compose', 'version']).then(
    () => true,
    () => false,
  );
  if (!isThere) return false;
  const folder = await mkdtemp(join(tmpdir(), 'berth-compose-'));
  try {
    for (const file of [...files, 'make-secrets.sh'])
      await cp(join(import.meta.dirname, '..', '..', 'docker', file), join(folder, file));
    await runProgram(join(folder, 'make-secrets.sh'), []);
    const named = files.flatMap((file) => ['--file', join(folder, file)]);
    await runProgram('docker', ['compose', ...named, '--profile', 'two-allocators', 'config', '--quiet']);
    return true;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
