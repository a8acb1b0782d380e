import { randomInt } from 'node:crypto';

/** For packed tables: with keys that nobody outside knows, nobody can send ids that all fall into one place. */
export function randomHashKey(): [number, number] {
  return [randomInt(2 ** 32), randomInt(2 ** 32)];
}
