import { afterAll, expect, it } from '@jest/globals';
import { describeWithOpenSsl, eventually } from '@berth/testing';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { request, type RequestOptions } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, type SecureVersion } from 'node:tls';
import { exitOf, freePort, spawnBerth } from './running-berth.js';

const folder = await mkdtemp(join(tmpdir(), 'berth-e2e-tls-'));
afterAll(() => rm(folder, { recursive: true, force: true }));

describeWithOpenSsl('Berth with a certificate of its own', (openssl) => {
  const root = openssl.root('Works Root');
  const server = openssl.issue('berth', { issuer: root, extensions: ['subjectAltName=IP:127.0.0.1'] });
  const env = { BERTH_DATA: join(folder, 'data'), BERTH_TLS_CERT: server.certificateFile };
  const ca = readFileSync(root.certificateFile);

  it('speaks TLS 1.2 and 1.3 alone, on one port, and says so', async () => {
    const port = await freePort();
    const { child, output } = spawnBerth({ ...env, BERTH_TLS_KEY: server.keyFile, BERTH_HTTP_PORT: String(port) });
    const ask = (options: RequestOptions, body = '') =>
      new Promise<{ status: number; text: string }>((resolve, reject) => {
        const asked = request({ host: '127.0.0.1', port, ca, ...options }, (response) => {
          let text = '';
          response.on('data', (chunk: Buffer) => (text += chunk.toString()));
          response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
        });
        asked.on('error', reject);
        asked.end(body);
      });
    const handshake = (maxVersion: SecureVersion) =>
      new Promise<string>((resolve) => {
        const versions = { minVersion: 'TLSv1' as const, maxVersion, ciphers: 'DEFAULT@SECLEVEL=0' };
        const socket = connect({ host: '127.0.0.1', port, ca, ...versions }, () => {
          resolve(String(socket.getProtocol()));
          socket.destroy();
        });
        socket.on('error', ({ message }) => resolve(message));
      });
    try {
      await eventually('Berth to be ready', async () => (await ask({ path: '/health/ready' })).status === 200, 30_000);
      expect(output()).toContain(`listens on https://127.0.0.1:${port}`);
      const headers = { 'content-type': 'application/json' };
      const query = JSON.stringify({ query: '{ hubLoads { hub } }' });
      const { text } = await ask({ path: '/graphql', method: 'POST', headers }, query);
      expect(JSON.parse(text)).toMatchObject({ data: { hubLoads: [] } });
      expect(await handshake('TLSv1.3')).toBe('TLSv1.3');
      expect(await handshake('TLSv1.2')).toBe('TLSv1.2');
      expect(await handshake('TLSv1.1')).toMatch(/protocol version/);
      await expect(fetch(`http://127.0.0.1:${port}/health/live`)).rejects.toThrow();
    } finally {
      child.kill('SIGTERM');
      expect(await exitOf(child)).toBe(0);
    }
  });

  it('does not start with a key that is not its own, or without one', async () => {
    const started = [spawnBerth({ ...env, BERTH_TLS_KEY: root.keyFile }), spawnBerth(env)];
    expect(await Promise.all(started.map(({ child }) => exitOf(child)))).toEqual([78, 78]);
    expect(started.map(({ output }) => output())).toEqual([
      expect.stringContaining('BERTH_TLS_KEY is not the key of BERTH_TLS_CERT'),
      expect.stringContaining('BERTH_TLS_CERT and BERTH_TLS_KEY go together'),
    ]);
  });
});
