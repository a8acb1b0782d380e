// `npm run bench -- [name…] [--json] [options of the bench]`: runs the benches of the libs, each in a process of its own.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

const benches: Readonly<Record<string, { file: string; measures: string }>> = {
  allocate: {
    file: 'tools/bench/allocate.ts',
    measures:
      'registrations decided and durable per second on Kafka, against the same pipe without decisions, and a peer',
  },
  scale: {
    file: 'tools/bench/scale.ts',
    measures: 'one allocator process against two on the same broker, and the processor time of each part',
  },
  start: {
    file: 'tools/bench/start.ts',
    measures: 'seconds from an allocator process to its first decision, and its memory, with 1,000,000 devices',
  },
  'event-store': {
    file: 'libs/event-store-node/bench/append-read.ts',
    measures: 'appends and reads over gRPC, against the same work in-process on SQLite',
  },
  'read-model': {
    file: 'libs/read-model/bench/project.ts',
    measures: 'projected decisions per second, rebuilds, and pages at 1,000,000 rows against 1,000',
  },
};

const known = Object.entries(benches).filter(([, { file }]) => existsSync(root + file));
const args = process.argv.slice(2);
const names = args.filter((arg) => !arg.startsWith('-') && arg in benches);
const options = args.filter((arg) => !names.includes(arg));
const unknown = options.find((arg, at) => !arg.startsWith('-') && !options[at - 1]?.startsWith('--'));
if (unknown !== undefined || args.includes('--help')) {
  if (unknown !== undefined) console.error(`There is no bench named '${unknown}'.`);
  console.log('npm run bench -- [name…] [--json] [--quick]\n');
  for (const [name, { measures }] of known) console.log(`  ${name.padEnd(12)} ${measures}`);
  process.exit(unknown === undefined ? 0 : 2);
}

for (const [name, { file }] of known) {
  if (names.length > 0 && !names.includes(name)) continue;
  const code = await new Promise<number | null>((resolve) => {
    const child = spawn(process.execPath, ['--disable-warning=TimeoutNegativeWarning', root + file, ...options], {
      stdio: 'inherit',
      cwd: root,
    });
    child.once('exit', resolve);
  });
  if (code !== 0) process.exitCode = 1;
}
