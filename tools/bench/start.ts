/*
 * From the start of an allocator's process to its first decision (a registration that waits on a real Kafka topic, answered), with
 * snapshots of its state and without any, and the memory it takes: with few devices, with many assignments, and with as many
 * individual enrollments beside them. Needs the build (`npm run build`), Java and Maven, and /proc.
 *
 *   node tools/bench/start.ts [--devices 1000000] [--quick] [--json]
 */
import { parseAssignment, partitionOf, topics } from '@berth/registration-log';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { idOf, idScope, wishOf } from './allocation/devices.ts';
import { cpuSecondsOf, openWorld, type World } from './allocation/world.ts';

const { values } = parseArgs({
  options: {
    devices: { type: 'string' },
    'no-enrollments': { type: 'boolean', default: false },
    quick: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
  },
});
const devices = Number(values.devices ?? (values.quick ? 60_000 : 1_000_000));
const few = 1000;
/** Individual enrollments where they are not the point; enough for a snapshot of the configuration to be due. */
const beside = 12_000;
const hubs = 10;
/** As in production; fewer when there are few devices, for a ledger has a snapshot from some 14,000 on. */
const partitions = Math.min(64, Math.floor(devices / 15_000));
/** Enrolled, and on no hub when the bench begins. */
const newcomers = 1000;
const startsOfEach = 3;
const budgets = { assigned: 5, enrolled: 10, bytesPerDevice: 200 } as const;
const waitMs = 900_000;
const program = fileURLToPath(new URL('../../apps/allocator/dist/main.js', import.meta.url));

interface Start {
  seconds: number;
  /** Processor time of the process until then: says more than the seconds do on a machine that others use, too. */
  cpuSeconds: number;
  residentBytes: number;
}

/** A deployment in which the real program is started once and again. */
class Deployment {
  private readonly world: World;
  /** A newcomer for each partition, by its number. */
  private readonly newcomerOf: readonly number[];
  private readonly answersRead = Array.from({ length: partitions }, () => 0);
  private nextRequest = 1;

  constructor(world: World, firstNewcomer: number) {
    this.world = world;
    const some = Array.from({ length: newcomers }, (_, index) => firstNewcomer + index);
    this.newcomerOf = this.answersRead.map((_, partition) =>
      some.find((device) => partitionOf(idOf(device), partitions) === partition)!,
    );
  }

  /** The median of some starts. */
  async start(what: string): Promise<Start> {
    const starts: Start[] = [];
    while (starts.length < startsOfEach) starts.push(await this.startOnce());
    const median = starts.sort((a, b) => a.seconds - b.seconds)[Math.floor(startsOfEach / 2)]!;
    tell(what, median);
    return median;
  }

  /** One start, for it takes long, which afterwards leaves snapshots behind. */
  async startWithoutSnapshots(what: string): Promise<Start> {
    const start = await this.startOnce((child) => this.takeSnapshots(child));
    tell(`${what}, without snapshots`, start);
    return start;
  }

  private async startOnce(meanwhile?: (child: ChildProcess) => Promise<void>): Promise<Start> {
    const { brokers, eventStoreUrl, masterKey } = this.world;
    const wish = wishOf(this.newcomerOf[0]!, this.nextRequest++);
    await this.world.log.publish(topics.registrations, [wish]);
    const began = performance.now();
    const child = spawn(process.execPath, ['--disable-warning=TimeoutNegativeWarning', program], {
      stdio: ['ignore', 'ignore', 'inherit'],
      env: {
        ...process.env,
        BERTH_DATA: this.dataFolder,
        BERTH_HTTP_PORT: '0',
        BERTH_EVENTSTORE_URL: eventStoreUrl,
        BERTH_KAFKA_BROKERS: brokers.join(','),
        BERTH_PARTITIONS: String(partitions),
        BERTH_MASTER_KEY: masterKey,
        BERTH_ID_SCOPE: idScope,
      },
    });
    try {
      await this.answered(0, child);
      const seconds = (performance.now() - began) / 1000;
      const cpuSeconds = cpuSecondsOf(child.pid!);
      await delay(1000);
      const residentBytes = residentBytesOf(child.pid!);
      await meanwhile?.(child);
      return { seconds, cpuSeconds, residentBytes };
    } finally {
      const ended = child.exitCode === null ? once(child, 'exit') : null;
      child.kill('SIGTERM');
      await ended;
    }
  }

  /** Resolves when there is another answer, and it is an assignment. */
  private async answered(partition: number, child: ChildProcess): Promise<void> {
    const deadline = performance.now() + waitMs;
    for (;;) {
      assertGoesOn(child, deadline);
      const answers = await this.world.log.read(topics.assignments, partition, this.answersRead[partition]!, 100);
      for (const record of answers) {
        const parsed = parseAssignment(record);
        if (!parsed.ok || parsed.assignment.answer.status !== 'assigned') throw new Error(`${record.value}`);
        this.answersRead[partition] = record.offset + 1;
      }
      if (answers.length > 0) return;
      await delay(5);
    }
  }

  /** A ledger's snapshot is considered when something of it was decided. */
  private async takeSnapshots(child: ChildProcess): Promise<void> {
    const deadline = performance.now() + waitMs;
    for (;;) {
      assertGoesOn(child, deadline);
      const missing = this.newcomerOf.flatMap((device, partition) =>
        this.hasSnapshot(`ledger-${partition}`) ? [] : { device, partition },
      );
      if (missing.length === 0 && this.hasSnapshot('configuration')) return;
      await this.world.log.publish(
        topics.registrations,
        missing.map(({ device }) => wishOf(device, this.nextRequest++)),
      );
      for (const { partition } of missing) await this.answered(partition, child);
      await delay(50);
    }
  }

  private hasSnapshot(name: string): boolean {
    const folder = join(this.dataFolder, 'snapshots', name);
    return existsSync(folder) && readdirSync(folder).some((file) => file.endsWith('.snapshot'));
  }

  private get dataFolder(): string {
    return join(this.world.folder, 'allocator');
  }
}

function assertGoesOn(child: ChildProcess, deadline: number): void {
  if (child.exitCode !== null) throw new Error(`The allocator ended with ${child.exitCode}: is it built?`);
  if (performance.now() > deadline) throw new Error('The allocator answers no more');
}

function residentBytesOf(pid: number): number {
  const [, kibibytes] = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))!;
  return Number(kibibytes) * 1024;
}

function tell(what: string, { seconds, cpuSeconds, residentBytes }: Start): void {
  const mebibytes = Math.round(residentBytes / 2 ** 20);
  process.stderr.write(`${what}: ${seconds.toFixed(2)} s, ${cpuSeconds} s of processor time, ${mebibytes} MiB\n`);
}

async function measured<T>(assigned: number, enrolled: number, measure: (it: Deployment) => Promise<T>): Promise<T> {
  process.stderr.write(`Making ${assigned} assignments and ${enrolled} enrollments …\n`);
  const world = await openWorld({ hubs, partitions, assigned, enrolled: [assigned - enrolled, assigned + newcomers] });
  try {
    return await measure(new Deployment(world, assigned));
  } finally {
    await world.close();
  }
}

const small = await measured(few, beside, (it) => it.start('few devices'));
const assigned = await measured(devices, beside, async (it) => ({
  without: await it.startWithoutSnapshots('assignments'),
  with: await it.start('assignments'),
}));
const enrolled = values['no-enrollments']
  ? null
  : await measured(devices, devices, async (it) => ({
      without: await it.startWithoutSnapshots('assignments and enrollments'),
      with: await it.start('assignments and enrollments'),
    }));

const bytesEach = (start: Start) => Math.round((start.residentBytes - small.residentBytes) / devices);
const seconds = ({ seconds: it }: Start) => Number(it.toFixed(2));
const figures = {
  devices,
  partitions,
  fewDevicesSeconds: seconds(small),
  assignmentsSeconds: seconds(assigned.with),
  assignmentsCpuSeconds: assigned.with.cpuSeconds,
  assignmentsWithoutSnapshotsSeconds: seconds(assigned.without),
  bytesPerDevice: bytesEach(assigned.with),
  bytesPerDeviceWithoutSnapshots: bytesEach(assigned.without),
  ...(enrolled && {
    enrollmentsSeconds: seconds(enrolled.with),
    enrollmentsCpuSeconds: enrolled.with.cpuSeconds,
    enrollmentsWithoutSnapshotsCpuSeconds: enrolled.without.cpuSeconds,
    enrollmentsWithoutSnapshotsSeconds: seconds(enrolled.without),
    bytesPerDeviceAndEnrollment: bytesEach(enrolled.with),
  }),
};
console.table(figures);
if (values.json) {
  const budget = (name: string, value: number, limit: number) => ({
    name,
    value,
    budget: limit,
    holds: value <= limit,
  });
  const held = [
    budget('seconds to the first decision, assignments', figures.assignmentsSeconds, budgets.assigned),
    budget('resident bytes a device', figures.bytesPerDevice, budgets.bytesPerDevice),
    ...(enrolled
      ? [budget('seconds to the first decision, enrollments beside them', seconds(enrolled.with), budgets.enrolled)]
      : []),
  ];
  // The budgets are of a million.
  console.log(JSON.stringify({ bench: 'start', figures, budgets: devices > 1_000_000 ? [] : held }));
}
