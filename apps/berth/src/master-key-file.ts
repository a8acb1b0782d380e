import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, open, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';

/** The data folder holds secrets that no key at hand opens. */
export class MasterKeyMissing extends Error {}

/**
 * The master key kept in the data folder, made on the first start. For embedded use: whoever can read the folder can read
 * the secrets in it; set BERTH_MASTER_KEY to keep the key elsewhere.
 * @throws MasterKeyMissing when there are events but no key: a new one would open none of them.
 */
export async function masterKeyIn(dataFolder: string): Promise<Buffer> {
  const file = join(dataFolder, 'master.key');
  if (existsSync(file)) {
    const key = Buffer.from((await readFile(file, 'utf8')).trim(), 'base64');
    if (key.length !== 32) throw new MasterKeyMissing(`${file} does not hold 32 bytes in base64`);
    return key;
  }
  if (existsSync(join(dataFolder, 'event-store'))) {
    throw new MasterKeyMissing(
      `${file} is missing, and a new key would not open the secrets in this folder: restore it, or set BERTH_MASTER_KEY`,
    );
  }
  await mkdir(dataFolder, { recursive: true });
  const key = randomBytes(32);
  const handle = await open(`${file}.new`, 'w', 0o600);
  await handle.writeFile(`${key.toString('base64')}\n`);
  await handle.sync();
  await handle.close();
  await rename(`${file}.new`, file);
  return key;
}
