import { expect, it } from '@jest/globals';
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** Exit code of the demo when Java, Maven or PostgreSQL is missing. */
const unavailable = 69;
const deadlineMs = 180_000;
const devices = 1_000;

const root = fileURLToPath(new URL('../../..', import.meta.url));
const { code, stdout, stderr } = await runDemo();
const reason = /The demo failed: (.*)/.exec(stderr)?.[1] ?? '';
const itWithEngines = code === unavailable ? it.skip : it;

itWithEngines(
  code === unavailable
    ? `the distributed set-up did not run: ${reason}`
    : 'Kafka, event store, PostgreSQL, projector, gateway and two allocators, one of them killed half-way, place every device',
  () => {
    // What it prints is all there is to see when it fails.
    if (code !== 0) throw new Error(`The demo ended with exit code ${code}:\n${stderr}`);
    expect(stderr).toContain('kill -9 of the first allocator');
    const result = JSON.parse(stdout) as { hubs: { devices: number }[]; rejected: number };
    const counts = result.hubs.map((hub) => hub.devices);
    expect(result.rejected).toBe(0);
    expect(counts.reduce((a, b) => a + b, 0)).toBe(devices);
    // Each of two allocators is exact by itself, and so is the one that takes over.
    expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(2);
  },
);

function runDemo(): Promise<{ code: number; stdout: string; stderr: string }> {
  const args = ['tools/demo/main.ts', '--distributed', '--devices', String(devices), '--json'];
  return new Promise((resolve) => {
    const node = `${root}node_modules/.bin/node`;
    execFile(node, args, { cwd: root, timeout: deadlineMs, killSignal: 'SIGTERM' }, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : 1;
      resolve({ code, stdout, stderr });
    });
  });
}
