import { describe, expect, it } from '@jest/globals';
import { eventually } from '@berth/testing';
import { mkdtemp, rm } from 'node:fs/promises';
import { Agent, request } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RunningBerth } from './running-berth.js';

describe('Berth that is told to stop', () => {
  it('answers the request it is in, and waits for no connection that is kept alive', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'berth-stop-'));
    const berth = await RunningBerth.start({ BERTH_DATA: folder });
    const agent = new Agent({ keepAlive: true });
    try {
      const body = JSON.stringify({ query: '{ hubs { totalCount } }' });
      const headers = { 'content-type': 'application/json', 'content-length': body.length };
      const asked = request(`${berth.url}/graphql`, { method: 'POST', agent, headers });
      const status = new Promise((resolve, reject) => {
        asked.on('response', (response) => resolve(response.resume().statusCode)).on('error', reject);
      });
      asked.write(body.slice(0, 10));
      await eventually('the connection', () => agent.sockets[Object.keys(agent.sockets)[0] ?? '']?.[0]?.bytesWritten);
      const ended = berth.end('SIGTERM');
      await eventually('new connections to be refused', () => isRefused(Number(new URL(berth.url).port)));
      asked.end(body.slice(10));
      expect(await status).toBe(200);
      expect(await ended).toBe(0);
    } finally {
      agent.destroy();
      await berth.end('SIGKILL');
      await rm(folder, { recursive: true, force: true });
    }
  });
});

function isRefused(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => resolve(false)).once('error', () => resolve(true));
    socket.once('connect', () => socket.destroy());
  });
}
