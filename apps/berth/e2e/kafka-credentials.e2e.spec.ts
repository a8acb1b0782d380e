import { afterAll, describe, expect, it } from '@jest/globals';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
// eslint-disable-next-line @nx/enforce-module-boundaries -- a tool of the workspace, which belongs to no project
import { KafkaUnavailable, startKafka, testUser } from '../../../tools/kafka.js';
import { exitOf, freePort, RunningBerth, spawnBerth } from './running-berth.js';

const folder = await mkdtemp(join(tmpdir(), 'berth-credentials-'));
const kafka = await startKafka({ dataFolder: join(folder, 'kafka'), secured: true }).catch((error: unknown) => {
  if (error instanceof KafkaUnavailable) return { missing: error.message };
  throw error;
});

afterAll(async () => {
  if ('brokers' in kafka) await kafka.kill();
  await rm(folder, { recursive: true, force: true });
});

const title = 'brokers' in kafka ? 'Berth on a Kafka that asks who it is' : `Kafka was not asked: ${kafka.missing}`;
const describeWithKafka = 'brokers' in kafka ? describe : describe.skip;

describeWithKafka(title, () => {
  const secured = 'brokers' in kafka ? kafka.secured! : undefined;
  const env = (change: Record<string, string> = {}) => ({
    BERTH_DATA: join(folder, 'berth'),
    BERTH_KAFKA_BROKERS: secured!.sasl.join(),
    BERTH_KAFKA_SASL_MECHANISM: 'scram-sha-512',
    BERTH_KAFKA_SASL_USERNAME: testUser.username,
    BERTH_KAFKA_SASL_PASSWORD: testUser.password,
    BERTH_KAFKA_TLS: 'true',
    BERTH_KAFKA_TLS_CA: secured!.certificates.ca,
    ...change,
  });

  it('is ready with the right user and authority', async () => {
    const berth = await RunningBerth.start(env());
    expect(await berth.end('SIGTERM')).toBe(0);
  }, 60_000);

  it.each([
    ['a wrong password', { BERTH_KAFKA_SASL_PASSWORD: 'guessed' }, 1, /connecting to Kafka.*authentication failed/],
    ['a file that holds no certificate', { BERTH_KAFKA_TLS_CA: join(folder, 'empty.pem') }, 78, /BERTH_KAFKA_TLS_CA/],
  ])(
    'does not start with %s, and says so',
    async (_, change, exitCode, said) => {
      await writeFile(join(folder, 'empty.pem'), '');
      const { child, output } = spawnBerth({ ...env(change), BERTH_HTTP_PORT: String(await freePort()) });
      expect(await exitOf(child)).toBe(exitCode);
      expect(output()).toMatch(said);
      expect(output()).not.toMatch(/guessed|not-a-secret/);
    },
    60_000,
  );
});
