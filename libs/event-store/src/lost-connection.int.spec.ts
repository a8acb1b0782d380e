import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type HubEvent } from '@berth/domain';
import { startEventStoreNode } from '@berth/event-store-node';
import { CuttableProxy, eventually } from '@berth/testing';
import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { EventStore, noStream } from './event-store.js';

const metadata = { correlationId: 'c', actor: 'spec', at: '2026-01-01T00:00:00.000Z' };
const linked: HubEvent = {
  type: 'HubLinked',
  v: 1,
  data: { name: 'hub-a', weight: 1, capacity: null, region: null, connection: null },
};

let folder: string;
let node: Awaited<ReturnType<typeof startEventStoreNode>>;
let proxy: CuttableProxy;
let store: EventStore;
/** Past the proxy. Harmless as a second client of this process, for it only reads. */
let direct: EventStore;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'berth-lost-connection-'));
  node = await startEventStoreNode({ dataFolder: folder });
  proxy = await CuttableProxy.to(node.port);
  store = new EventStore(`esdb://127.0.0.1:${proxy.port}?tls=false`);
  direct = new EventStore(node.connectionString);
});

afterEach(async () => {
  await store.close();
  await direct.close();
  await proxy.close();
  await node.stop();
  await rm(folder, { recursive: true, force: true });
});

async function revisionsOf(stream: string, through = direct): Promise<number[]> {
  const revisions: number[] = [];
  for await (const { revision } of through.read(stream)) revisions.push(revision);
  return revisions;
}

describe('when the connection is lost', () => {
  it('every append in flight ends up stored once, with the right revision', async () => {
    const writers = Array.from({ length: 32 }, async (_, writer) => {
      let revision = noStream;
      for (let round = 0; round < 6; round += 1) {
        ({ revision } = await store.append(`hub-${writer}`, [linked, linked], revision, metadata));
        expect(revision).toBe(round * 2 + 1);
      }
    });
    let isDone = false;
    const all = Promise.all(writers).then(() => (isDone = true));
    for (let cut = 0; cut < 8 && !isDone; cut += 1) {
      // Cut while answers are held back: what they acknowledge is stored, and the client can't know.
      proxy.hold();
      await new Promise((resolve) => setImmediate(resolve));
      proxy.cut();
      proxy.release();
      const before = (await revisionsOf('hub-0')).length;
      await eventually('some progress', async () => isDone || (await revisionsOf('hub-0')).length > before);
    }
    await all;
    for (let writer = 0; writer < 32; writer += 1) {
      expect(await revisionsOf(`hub-${writer}`)).toEqual(Array.from({ length: 12 }, (_, revision) => revision));
    }
  });

  it('a follower goes on without gap or repeat', async () => {
    const seen: number[] = [];
    const following = store.follow({
      prefixes: ['hub-'],
      after: null,
      batchMax: 7,
      handle: (events) => void seen.push(...events.map(({ revision }) => revision)),
    });
    let revision = noStream;
    for (let round = 0; round < 10; round += 1) {
      const events = Array.from({ length: 20 }, () => linked);
      ({ revision } = await store.append('hub-a', events, revision, metadata));
      if (round % 2 === 0) proxy.cut();
    }
    await eventually('all events', () => seen.length >= 200);
    expect(seen).toEqual(Array.from({ length: 200 }, (_, index) => index));
    await eventually('being live again', () => following.live);
  });

  it('the lag grows from the moment of the loss, and is none again once the store is back', async () => {
    await store.append('hub-a', [linked], noStream, metadata);
    const following = store.follow({ prefixes: ['hub-'], after: null, handle: () => undefined });
    await eventually('handling everything', () => following.lagMs === 0);
    await delay(100);
    const lostAt = Date.now();
    proxy.refuse();
    await eventually('some lag', () => (following.lagMs ?? 0) > 20);
    expect(following.lagMs).toBeLessThanOrEqual(Date.now() - lostAt + 1);
    proxy.accept();
    await eventually('handling everything again', () => following.lagMs === 0);
  });

  it('reads that are cut off say so, retriably', async () => {
    await store.append('hub-a', [linked], noStream, metadata);
    proxy.refuse();
    await expect(revisionsOf('hub-a', store)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE', retriable: true });
    proxy.accept();
    await eventually('the store to be back', async () => (await revisionsOf('hub-a', store)).length === 1);
  });
});

describe('the late answer to an append that was given up', () => {
  /**
   * Two clients in one process: when the connection of one breaks, the client's process-wide table is emptied, and the answer
   * to the other one's append finds nothing there.
   */
  const program = (connect: string) => `
    ${connect}
    const [first, second] = process.argv.slice(1).map((port) => connect('esdb://127.0.0.1:' + port + '?tls=false'));
    await first('hub-a-1');
    await second('hub-b-1');
    process.send('connected');
    process.on('message', (message) => {
      if (message === 'append again') return second('hub-b-3').then(() => process.send('answered'));
      // Once the first append is through, given up or tried again, the table has been emptied under the second.
      first('hub-a-2').catch(() => undefined).then(() => process.send('emptied'));
      second('hub-b-2').catch(() => undefined);
      process.send('appending');
    });
  `;
  const bareClient = `
    import { EventStoreDBClient, jsonEvent } from '@eventstore/db-client';
    const connect = (url) => {
      const client = EventStoreDBClient.connectionString(url);
      return (stream) => client.appendToStream(stream, jsonEvent({ type: 'HubLinked', data: { v: 1 } }));
    };`;
  const ours = `
    import { EventStore, noStream } from '@berth/event-store';
    const connect = (url) => {
      const store = new EventStore(url);
      return (stream) => store.append(stream, [{ type: 'HubLinked', v: 1, data: {} }], noStream, { correlationId: 'c', actor: 'spec', at: '' });
    };`;

  async function run(connect: string): Promise<'survived' | number | null> {
    const other = await CuttableProxy.to(node.port);
    const child = spawn(
      process.execPath,
      ['--input-type=module', '-e', program(connect), String(proxy.port), String(other.port)],
      {
        cwd: fileURLToPath(new URL('..', import.meta.url)),
        stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
      },
    );
    const said: unknown[] = [];
    child.on('message', (message) => said.push(message));
    try {
      await eventually('the clients to connect', () => said.includes('connected'));
      proxy.hold();
      other.hold();
      child.send('append');
      await eventually('the appends', () => said.includes('appending'));
      await eventually('the append to be stored', async () => (await revisionsOf('hub-b-2')).length === 1);
      proxy.cut();
      proxy.release();
      await eventually('the table to be emptied', () => said.includes('emptied'));
      other.release();
      // Answers come in order: with the one to this append, the late one is through.
      if (child.connected) child.send('append again');
      await eventually('an answer or the end', () => said.includes('answered') || child.exitCode !== null);
      return said.includes('answered') ? 'survived' : child.exitCode;
    } finally {
      child.kill('SIGKILL');
      await other.close();
    }
  }

  it('would end the process with the bare client', async () => {
    expect(await run(bareClient)).toBe(1);
  });

  it('does no harm to ours: the append is stored once, and further ones are answered', async () => {
    expect(await run(ours)).toBe('survived');
    expect(await revisionsOf('hub-b-2')).toEqual([0]);
  });
});
