import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { partitionOf } from '@berth/registration-log';
import { eventually } from '@berth/testing';
import { execFile } from 'node:child_process';
import { createHmac, randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { registrationEvent, symmetricKeyProof } from './registration-event.js';
import { exitOf, RunningBerth, spawnBerth } from './running-berth.js';

const idScope = '0ne00ABCDEF';
const [former, next] = [randomBytes(32).toString('base64'), randomBytes(32).toString('base64')];
const key = randomBytes(32).toString('base64');
const partitions = 4;
const root = fileURLToPath(new URL('../../..', import.meta.url));

describe('rotating the master key', () => {
  let folder: string;
  let settings: Record<string, string>;
  let berth: RunningBerth;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'berth-master-key-'));
    settings = { BERTH_DATA: folder, BERTH_ID_SCOPE: idScope, BERTH_PARTITIONS: String(partitions) };
    berth = await RunningBerth.start({ ...settings, BERTH_MASTER_KEY: former });
  });
  afterAll(async () => {
    await berth?.end('SIGTERM');
    await rm(folder, { recursive: true, force: true });
  });

  async function restart(keys: Record<string, string>): Promise<void> {
    await berth.end('SIGTERM');
    berth = await RunningBerth.start({ ...settings, ...keys });
  }

  async function refusal(keys: Record<string, string>): Promise<string> {
    await berth.end('SIGTERM');
    const { child, output } = spawnBerth({ ...settings, ...keys, BERTH_HTTP_PORT: '0' });
    expect(await exitOf(child)).toBe(78);
    return output();
  }

  const rotate = () =>
    berth.graphql<{ masterKeyRotate: { masterKey: { masterKeyId: string }; userErrors: unknown[] } }>(
      'mutation { masterKeyRotate(input: {}) { masterKey { masterKeyId } userErrors { code } } }',
    );
  const masterKey = async () =>
    (
      await berth.graphql<{ masterKey: { masterKeyId: string; state: string; rewrapped: number; unopenable: number } }>(
        '{ masterKey { masterKeyId state rewrapped unopenable } }',
      )
    ).masterKey;

  async function register(registrationId: string, signedWith = key): Promise<void> {
    const requestId = `${registrationId}-${randomBytes(4).toString('hex')}`;
    const proof = symmetricKeyProof(idScope, registrationId, signedWith);
    await berth.post(registrationEvent(registrationId, proof, { id: requestId }));
    const query = `{ registration(registrationId: "${registrationId}") { status } }`;
    await eventually(`${registrationId} to be assigned`, async () => {
      const { registration } = await berth.graphql<{ registration: { status: string } | null }>(query);
      return registration?.status === 'ASSIGNED';
    });
  }

  const ofGroup = (registrationId: string) =>
    createHmac('sha256', Buffer.from(key, 'base64')).update(registrationId).digest('base64');

  it('goes on through a kill, and then the former key is needed no more', async () => {
    await berth.graphql('mutation { hubLink(input: { name: "hub-a" }) { position } }');
    for (const registrationId of ['press-01', 'press-02']) {
      await berth.graphql(`mutation { enrollmentCreate(input: { registrationId: "${registrationId}",
        attestation: { symmetricKey: { primary: "${key}", secondary: "${key}" } } }) { position } }`);
    }
    await berth.graphql(`mutation { enrollmentGroupCreate(input: { name: "line-7",
      attestation: { symmetricKey: { primary: "${key}", secondary: "${key}" } } }) { position } }`);
    await register('press-01');
    const before = await masterKey();

    expect(await refusal({ BERTH_MASTER_KEY: next })).toContain('name it in BERTH_FORMER_MASTER_KEYS');

    const both = { BERTH_MASTER_KEY: next, BERTH_FORMER_MASTER_KEYS: former };
    await restart(both);
    expect(await masterKey()).toEqual(before);
    await rotate();
    await berth.end('SIGKILL');
    await restart(both);
    expect(await rotate()).toMatchObject({ masterKeyRotate: { userErrors: [] } });
    const after = await eventually('the rotation to be over', async () => {
      const now = await masterKey();
      return now.state === 'IN_USE' && now;
    });
    expect(after.masterKeyId).not.toBe(before.masterKeyId);
    expect(after.unopenable).toBe(0);

    expect(await refusal({ BERTH_MASTER_KEY: former })).toContain(after.masterKeyId);

    await restart({ BERTH_MASTER_KEY: next });
    // With keys sealed before, an enrollment's and a group's; both devices come for the first time.
    await register('press-02');
    await register('robot-1', ofGroup('robot-1'));
    await berth.end('SIGTERM');
    for (const partition of new Set(['press-01', 'press-02', 'robot-1'].map((id) => partitionOf(id, partitions)))) {
      const env = { ...settings, PATH: process.env['PATH'] ?? '', BERTH_MASTER_KEY: next, NODE_NO_WARNINGS: '1' };
      const args = ['tools/replay.ts', '--partition', String(partition)];
      const { stdout } = await promisify(execFile)(join(root, 'node_modules/.bin/node'), args, { cwd: root, env });
      expect(stdout).toContain('The same, byte for byte.');
      expect(stdout).not.toContain('taken as the ledger has them');
    }
    // Seven starts, and as many replays as devices.
  }, 180_000);
});
