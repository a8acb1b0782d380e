/*
 * How many registrations are decided and durable per second, against the bare pipe: the same log, the same records in the same
 * batches, pages and answers of the same size through the same clients, and no decisions. Symmetric-key attestation on every
 * registration. The two alternate in one run; figures are medians over the rounds. Needs the build (`npm run build`).
 *
 *   node tools/bench/allocate.ts [--devices 20000] [--rounds 5] [--json]
 */
import { Allocator, ConfigurationView } from '@berth/allocator';
import type { DecisionsRecorded } from '@berth/domain';
import { EventStore, noStream } from '@berth/event-store';
import {
  assignmentRecord,
  type Batch,
  type BatchConsumer,
  openEmbeddedLog,
  type RegistrationLog,
  registrationRecord,
  topics,
} from '@berth/registration-log';
import { MasterKey } from '@berth/secrets';
import { fork } from 'node:child_process';
import { createHmac, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: {
    devices: { type: 'string', default: '20000' },
    rounds: { type: 'string', default: '5' },
    quick: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
  },
});
const devices = values.quick ? 5000 : Number(values.devices);
const rounds = values.quick ? 3 : Number(values.rounds);
const hubs = 10;
const partitions = 8;
const idScope = '0ne0BENCH';
const metadata = { correlationId: 'bench', actor: 'bench', at: new Date().toISOString() };
/** Of the design: the allocator against the pipe without decisions. */
const shareOfPipeMin = 0.8;

const folder = await mkdtemp(join(tmpdir(), 'berth-bench-'));
const node = fork(fileURLToPath(new URL('../../apps/event-store/dist/main.js', import.meta.url)), {
  env: { BERTH_DATA: folder, PATH: process.env['PATH'] },
  stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
});
const { port } = await new Promise<{ port: number }>((resolve, reject) => {
  node.once('message', (message) => resolve(message as { port: number }));
  node.once('exit', (code) => reject(new Error(`the event store ended with ${code}`)));
});
const store = new EventStore(`esdb://127.0.0.1:${port}?tls=false`);
const log = await openEmbeddedLog({ dataFolder: folder, partitions });
const masterKey = new MasterKey(randomBytes(32));
async function run(): Promise<void> {
  const keys = new Map<string, Buffer>();
  for (let device = 0; device < devices * rounds; device += 1) keys.set(`bench-${device}`, randomBytes(32));
  process.stderr.write(`Enrolling ${keys.size} devices …\n`);
  await enroll(keys);
  const view = new ConfigurationView(store, masterKey);
  await view.caughtUp;
  const allocator = new Allocator({ log, store, view, idScope, name: 'bench', now: () => Date.now() });
  const decided: number[] = [];
  const piped: number[] = [];
  const ids = [...keys.keys()];
  for (let round = 0; round < rounds; round += 1) {
    await publish(ids.slice(round * devices, (round + 1) * devices), keys);
    decided.push(devices / (await timed(log, 'berth.allocator', allocator)));
    piped.push(devices / (await timed(log, 'bench.pipe', new BarePipe(await aPage()))));
    process.stderr.write(
      `round ${round + 1}: ${Math.round(decided[round]!)}/s against ${Math.round(piped[round]!)}/s\n`,
    );
  }
  const shares = decided.map((rate, round) => rate / piped[round]!);
  const figures = {
    devices,
    rounds,
    decidedPerSecond: Math.round(median(decided)),
    barePipePerSecond: Math.round(median(piped)),
    shareOfBarePipe: Number(median(shares).toFixed(3)),
    residentMiB: Math.round(process.memoryUsage().rss / 2 ** 20),
  };
  console.table(figures);
  if (!values.json) return;
  const value = figures.shareOfBarePipe;
  const budget = { name: 'share of the bare pipe', value, budget: shareOfPipeMin, holds: value >= shareOfPipeMin };
  console.log(JSON.stringify({ bench: 'allocate', figures, budgets: [budget] }));
}

async function enroll(keys: ReadonlyMap<string, Buffer>): Promise<void> {
  for (let hub = 0; hub < hubs; hub += 1) {
    const data = { name: `hub-${hub}`, weight: 1, capacity: null, region: null, connection: null };
    await store.append(`hub-hub-${hub}`, [{ type: 'HubLinked', v: 1, data }], noStream, metadata);
  }
  const queue = keys.entries();
  const worker = async () => {
    for (const [registrationId, key] of queue) {
      const dataKey = masterKey.newDataKey();
      const sealed = masterKey.seal(key, dataKey.key);
      await store.append(`dataKey-${dataKey.event.data.keyId}`, [dataKey.event], noStream, metadata);
      const data = {
        registrationId,
        deviceId: null,
        attestation: { type: 'symmetricKey' as const, primary: sealed, secondary: sealed },
        policy: null,
        hubs: [],
        reprovision: { updateHubAssignment: true, migrateDeviceData: true },
        initialTwin: null,
        enabled: true,
        idempotency: null,
      };
      await store.append(
        `enrollment-${registrationId}`,
        [{ type: 'EnrollmentCreated', v: 1, data }],
        noStream,
        metadata,
      );
    }
  };
  await Promise.all(Array.from({ length: 64 }, worker));
}

async function publish(ids: readonly string[], keys: ReadonlyMap<string, Buffer>): Promise<void> {
  const expiry = Math.floor(Date.now() / 1000) + 3600;
  const records = ids.map((registrationId) => {
    const resource = `${idScope}/registrations/${registrationId}`;
    const signature = createHmac('sha256', keys.get(registrationId)!).update(`${resource}\n${expiry}`).digest('base64');
    const token = `SharedAccessSignature sr=${resource}&sig=${encodeURIComponent(signature)}&skn=registration&se=${expiry}`;
    const attestation = { type: 'symmetricKey' as const, token };
    return registrationRecord(
      { requestId: `wish-of-${registrationId}`, source: '/bench', registrationId, attestation },
      metadata.at,
    );
  });
  for (let start = 0; start < records.length; start += 1000)
    await log.publish(topics.registrations, records.slice(start, start + 1000));
}

/** Seconds from the first batch to the end of the last. */
async function timed(from: RegistrationLog, group: string, consumer: BatchConsumer): Promise<number> {
  let started = 0;
  let seen = 0;
  let done!: () => void;
  const finished = new Promise<void>((resolve) => (done = resolve));
  const consumption = await from.consume(
    { topic: topics.registrations, group },
    {
      assigned: (given) => consumer.assigned(given),
      revoked: (taken) => consumer.revoked(taken),
      async batch(batch) {
        started ||= performance.now();
        await consumer.batch(batch);
        seen += batch.records.length;
        if (seen >= devices) done();
      },
    },
  );
  await Promise.race([finished, consumption.failed]);
  const seconds = (performance.now() - started) / 1000;
  await consumption.stop();
  return seconds;
}

/** A page that the allocator has stored, as a pattern for the pipe. */
async function aPage(): Promise<DecisionsRecorded> {
  for (let partition = 0; partition < partitions; partition += 1) {
    for await (const { event } of store.read(`ledger-${partition}`, { backwards: true, maxCount: 1 })) {
      if (event.type === 'DecisionsRecorded') return event.data;
    }
  }
  throw new Error('the allocator stored no page');
}

/** Does what the allocator does with a batch, but for deciding. */
class BarePipe implements BatchConsumer {
  private readonly revisions = new Map<number, number>();
  private readonly pattern: DecisionsRecorded;

  constructor(pattern: DecisionsRecorded) {
    this.pattern = pattern;
  }

  assigned(): void {}
  revoked(): void {}

  async batch(batch: Batch): Promise<void> {
    const { topic, partition, records } = batch;
    const some = this.pattern.outcomes;
    const outcomes = records.map((_record, index) => some[index % some.length]!);
    const stream = `pipe-${partition}-${this.pattern.lastOffset}`;
    const data = { ...this.pattern, outcomes };
    const revision = this.revisions.get(partition) ?? noStream;
    const appended = await store.append(stream, [{ type: 'DecisionsRecorded', v: 1, data }], revision, metadata);
    this.revisions.set(partition, appended.revision);
    const answer = {
      registrationId: 'bench-00000',
      requestId: 'wish-of-bench-00000',
      status: 'assigned' as const,
      hub: 'hub-0',
      deviceId: 'bench-00000',
      substatus: 'initialAssignment',
      position: '1',
    };
    await log.publish(
      topics.assignments,
      records.map(({ offset }) => assignmentRecord(answer, metadata.at, { topic, partition, offset })),
    );
    await batch.commit();
  }
}

function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)]!;
}

try {
  await run();
} finally {
  await log.close();
  await store.close();
  const ended = once(node, 'exit');
  node.kill('SIGTERM');
  await ended;
  await rm(folder, { recursive: true, force: true });
}
