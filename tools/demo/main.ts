// The tutorial of load-balanced hubs, on real input: links hubs, sets the policy, enrolls, registers simulated devices by
// CloudEvents over HTTP, and shows where they went.
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { BerthClient, isReady } from './berth-client.ts';
import { type Device, devicesOf, registrationEvent } from './devices.ts';
import { bar, Progress } from './display.ts';
import { EngineMissing, startDistributedInstance } from './distributed-instance.ts';
import { type EdgeGateway, httpEdgeGateway, kafkaEdgeGateway, type RegistrationEvent } from './edge-gateways.ts';
import { startOwnInstance } from './own-instance.ts';

const help = `npm run demo -- [options]

  --devices N   simulated devices            (default 10000)
  --hubs N      hubs to spread them over     (default 3)
  --url URL     a running Berth              (default http://127.0.0.1:4000 if it answers, else one of the demo's own)
  --api-key K   when that Berth wants one
  --distributed start Kafka, the event store, PostgreSQL, a projector, two allocators and a gateway, each as a process of its
                own; register through Kafka, and kill one allocator in the middle (needs Java 17, Maven, PostgreSQL)
  --run NAME    prefix of hub and device names (default demo): the same name again continues where an earlier run stopped
  --json        print the result as one line of JSON and nothing else on standard output

Examples
  npm run demo
  npm run demo -- --devices 100 --hubs 5 --json
  npm run demo -- --distributed`;

const { values } = readArguments();
const devicesWanted = wholeNumber('devices', values.devices, 2, 1_000_000);
const hubsWanted = wholeNumber('hubs', values.hubs, 2, 1000);
const run = values.run;
const say = (line = '') => (values.json ? process.stderr : process.stdout).write(`${line}\n`);

const enrollmentsInFlight = 48;
const eventsPerBatch = 500;
const batchesInFlight = 4;
/** Exit code when a program that --distributed needs is missing: EX_UNAVAILABLE of sysexits.h. */
const exitUnavailable = 69;
/** The demo gives up when nothing has moved for this long. */
const stallMs = 30_000;

const outcomeQuery = `query ($prefix: String!) {
  hubLoads { hub devices }
  refused: registrations(first: 1, filter: { status: FAILED, registrationIdPrefix: $prefix }) { totalCount }
}`;

/** What the demo runs against, and what happens to it half-way. */
interface Stage {
  berth: BerthClient;
  edge: EdgeGateway;
  halfway?: () => Promise<void>;
}

if (values.distributed && values.url) wrongArguments('--distributed starts everything itself: leave out --url');
const stops: (() => Promise<void>)[] = [];
const stopAll = async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
};
// Kafka and PostgreSQL would stay behind.
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => void stopAll().then(() => process.exit(signal === 'SIGINT' ? 130 : 143)));
}
try {
  await demo(values.distributed ? await distributed() : await single());
} catch (error) {
  console.error(`The demo failed: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = error instanceof EngineMissing ? exitUnavailable : 1;
} finally {
  await stopAll();
}

async function single(): Promise<Stage> {
  const own = values.url || (await isReady(defaultUrl())) ? null : await startOwnInstance();
  if (own) stops.push(() => own.stop());
  const url = own?.url ?? values.url ?? defaultUrl();
  say(own ? `Started a Berth of the demo's own at ${url}` : `Using Berth at ${url}`);
  const berth = new BerthClient(url, values['api-key']);
  return { berth, edge: httpEdgeGateway(berth) };
}

async function distributed(): Promise<Stage> {
  const { url, brokers, killAllocator } = await startDistributedInstance(say, (stop) => stops.push(stop));
  const edge = await kafkaEdgeGateway(brokers);
  stops.push(() => edge.close());
  const halfway = async () => {
    await killAllocator();
    say('\n   kill -9 of the first allocator: the other takes its partitions over after 10 s of silence');
  };
  return { berth: new BerthClient(url), edge, halfway };
}

async function demo({ berth, edge, halfway }: Stage): Promise<void> {
  const { deployment } = await berth.graphql<{ deployment: { idScope: string } }>('{ deployment { idScope } }');
  const devices = devicesOf(run, devicesWanted);
  const hubs = Array.from({ length: hubsWanted }, (_, index) => `${run}-hub-${index + 1}`);
  const strangers = await otherHubs(berth, hubs);
  // Devices are kept to the demo's hubs only when there are others, for naming hubs makes enrolling slower.
  const enroll = (list: readonly Device[], linked: readonly string[]) =>
    enrollAll(berth, list, strangers ? linked : []);
  const events = (list: readonly Device[]) => list.map((device) => registrationEvent(device, deployment.idScope));
  const [first, second, ...others] = devices as [Device, Device, ...Device[]];
  const [hubOne, hubTwo, ...otherHubNames] = hubs as [string, string, ...string[]];

  say('\n1. One hub, one device');
  await setEvenPolicy(berth);
  await linkHub(berth, hubOne);
  await enroll([first], [hubOne]);
  await edge.publish(events([first]));
  say(`   ${first.registrationId} is on ${await hubOf(berth, first)}`);

  say('2. A second hub is linked, and a second device registers');
  await linkHub(berth, hubTwo);
  await enroll([second], [hubOne, hubTwo]);
  await edge.publish(events([second]));
  say(`   ${second.registrationId} is on ${await hubOf(berth, second)}`);

  say(`3. ${hubsWanted} hubs, ${devicesWanted} devices`);
  for (const name of otherHubNames) await linkHub(berth, name);
  await enroll(others, hubs);
  const { seconds, fresh, loads, rejected } = await registerAll(berth, edge, events(others), hubs, halfway);

  const perSecond = Math.round(fresh / seconds);
  const total = loads.reduce((sum, load) => sum + load.devices, 0);
  const result = {
    devices: devicesWanted,
    hubs: loads.map(({ hub, devices: count }) => ({
      name: hub,
      devices: count,
      share: total === 0 ? 0 : count / total,
    })),
    seconds: Number(seconds.toFixed(2)),
    perSecond,
    rejected,
  };
  say();
  const widest = Math.max(...result.hubs.map(({ name }) => name.length));
  const most = Math.max(...result.hubs.map(({ devices: count }) => count), 1);
  for (const { name, devices: count, share } of result.hubs) {
    say(`${name.padEnd(widest)}  ${bar(count / most)}  ${count}  ${(share * 100).toFixed(2)} %`);
  }
  const repeats = others.length - fresh;
  if (repeats > 0) say(`\n${repeats} devices had their hub from an earlier run and got the same answer again.`);
  if (fresh > 0) {
    const span = `${result.seconds} s from the first request to the last one shown by GraphQL`;
    say(`\n${fresh} registrations, ${span}: ${perSecond}/s. ${rejected} rejected.`);
  }
  if (values.json) process.stdout.write(`${JSON.stringify(result)}\n`);
}

async function otherHubs(berth: BerthClient, hubs: readonly string[]): Promise<boolean> {
  const { hubLoads } = await berth.graphql<{ hubLoads: Load[] }>('{ hubLoads { hub devices } }');
  return hubLoads.some(({ hub }) => !hubs.includes(hub));
}

interface Load {
  hub: string;
  devices: number;
}
interface Payload {
  userErrors: { code: string; message: string }[];
}

async function setEvenPolicy(berth: BerthClient): Promise<void> {
  const mutation =
    'mutation { allocationPolicySet(input: { policy: EVENLY_WEIGHTED }) { userErrors { code message } } }';
  refuse((await berth.graphql<{ allocationPolicySet: Payload }>(mutation)).allocationPolicySet);
}

async function linkHub(berth: BerthClient, name: string): Promise<void> {
  const mutation = 'mutation ($input: HubLinkInput!) { hubLink(input: $input) { userErrors { code message } } }';
  const { hubLink } = await berth.graphql<{ hubLink: Payload }>(mutation, { input: { name } });
  refuse(hubLink, 'HUB_ALREADY_LINKED');
}

async function enrollAll(berth: BerthClient, devices: readonly Device[], hubs: readonly string[]): Promise<void> {
  const mutation =
    'mutation ($input: EnrollmentCreateInput!) { enrollmentCreate(input: $input) { userErrors { code message } } }';
  const progress = devices.length > 1 ? new Progress('enrolled', devices.length) : null;
  let done = 0;
  await inParallel(enrollmentsInFlight, devices, async ({ registrationId, key }) => {
    const input = {
      registrationId,
      attestation: { symmetricKey: { primary: key, secondary: key } },
      hubs,
      idempotencyKey: `${run}-${registrationId}`,
    };
    const { enrollmentCreate } = await berth.graphql<{ enrollmentCreate: Payload }>(mutation, { input });
    refuse(enrollmentCreate, 'ENROLLMENT_EXISTS', 'IDEMPOTENCY_KEY_REUSED');
    progress?.at((done += 1));
  });
}

/** Publishes all events and waits until every device of this run shows in GraphQL, assigned or rejected. */
async function registerAll(
  berth: BerthClient,
  edge: EdgeGateway,
  events: readonly RegistrationEvent[],
  hubs: readonly string[],
  halfway: () => Promise<void> = async () => undefined,
): Promise<{ seconds: number; fresh: number; loads: Load[]; rejected: number }> {
  const batches: RegistrationEvent[][] = [];
  for (let start = 0; start < events.length; start += eventsPerBatch)
    batches.push(events.slice(start, start + eventsPerBatch));
  const names = new Set(hubs);
  const outcome = async () => {
    const { hubLoads, refused } = await berth.graphql<Outcome>(outcomeQuery, { prefix: `${run}-` });
    const loads = hubLoads.filter(({ hub }) => names.has(hub));
    const assigned = loads.reduce((sum, { devices }) => sum + devices, 0);
    return { loads, rejected: refused.totalCount, done: Math.min(devicesWanted, assigned + refused.totalCount) };
  };
  const progress = new Progress('registered', devicesWanted);
  const doneBefore = (await outcome()).done;
  const started = performance.now();
  const middle = batches[Math.floor(batches.length / 2)];
  const sending = inParallel(batchesInFlight, batches, async (batch) => {
    if (batch === middle) await halfway();
    await edge.publish(batch);
  });
  // A failed send ends the wait at once instead of as a stall.
  const failed = sending.then(() => new Promise<never>(() => undefined));
  let movedAt = started;
  let before = doneBefore;
  for (;;) {
    const { loads, rejected, done } = await Promise.race([outcome(), failed]);
    progress.at(done);
    const now = performance.now();
    if (done !== before) movedAt = now;
    before = done;
    if (done >= devicesWanted) {
      await sending;
      return { seconds: (now - started) / 1000, fresh: devicesWanted - doneBefore, loads, rejected };
    }
    if (now - movedAt > stallMs) {
      throw new Error(`only ${done} of ${devicesWanted} devices, and nothing moved for ${stallMs / 1000} s`);
    }
    await delay(50);
  }
}

interface Outcome {
  hubLoads: Load[];
  refused: { totalCount: number };
}

async function hubOf(berth: BerthClient, { registrationId }: Device): Promise<string> {
  const query = 'query ($id: String!) { registration(registrationId: $id) { hub status reason } }';
  interface Found {
    registration: { hub: string | null; status: string; reason: string | null } | null;
  }
  const deadline = Date.now() + stallMs;
  for (;;) {
    const { registration } = await berth.graphql<Found>(query, { id: registrationId });
    if (registration?.hub) return registration.hub;
    if (registration) throw new Error(`${registrationId} was refused: ${registration.reason ?? registration.status}`);
    if (Date.now() > deadline) throw new Error(`no registration of ${registrationId} after ${stallMs / 1000} s`);
    await delay(20);
  }
}

function refuse({ userErrors }: Payload, ...tolerated: string[]): void {
  const [error] = userErrors.filter(({ code }) => !tolerated.includes(code));
  if (error) throw new Error(`${error.code}: ${error.message}`);
}

async function inParallel<T>(limit: number, items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const queue = items.values();
  await Promise.all(
    Array.from({ length: limit }, async () => {
      for (const item of queue) await work(item);
    }),
  );
}

function defaultUrl(): string {
  return `http://127.0.0.1:${process.env['BERTH_HTTP_PORT'] ?? 4000}`;
}

function readArguments() {
  try {
    const parsed = parseArgs({
      options: {
        devices: { type: 'string', default: '10000' },
        hubs: { type: 'string', default: '3' },
        url: { type: 'string' },
        'api-key': { type: 'string' },
        run: { type: 'string', default: 'demo' },
        distributed: { type: 'boolean', default: false },
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
    if (parsed.values.help) {
      console.log(help);
      process.exit(0);
    }
    return parsed;
  } catch (error) {
    return wrongArguments(error instanceof Error ? error.message : String(error));
  }
}

function wholeNumber(name: string, text: string, min: number, max: number): number {
  const value = /^\d+$/.test(text) ? Number(text) : NaN;
  if (value >= min && value <= max) return value;
  return wrongArguments(`--${name} must be a whole number from ${min} to ${max}`);
}

function wrongArguments(problem: string): never {
  console.error(`${problem}\n\n${help}`);
  process.exit(2);
}
