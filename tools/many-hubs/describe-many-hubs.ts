import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type LedgerEvent, type LoadEvent } from '@berth/domain';
import { EventStore, type Followed, type StoredEvent } from '@berth/event-store';
import { connectKafkaLog, registrationRecord, type RegistrationLog, topics } from '@berth/registration-log';
import { eventually } from '@berth/testing';
import { Random } from '../../libs/allocator/src/simulation/random.js';
import { missingEngine, partitions, setUp, type SetUp } from '../crashes/set-up.ts';

const source = '/gateways/one';
const at = new Date().toISOString();
/** Links in a document, each a mutation, and documents at once. */
const linksEach = 100;
const documentsAtOnce = 8;
/** Rows of a bulk mutation. */
const rows = 250;
/** Hubs that are cordoned, and as many that are unlinked. */
const leaving = 20;

interface Load {
  hub: string;
  devices: number;
}

/**
 * Very many hubs through the whole of it: linked, listed and left by GraphQL, filled over Kafka by two allocators, each part a process.
 * @param options.devices twice as many as hubs at least.
 */
export async function describeManyHubs(options: { hubs: number; devices: number; deadlineMs: number }): Promise<void> {
  const { deadlineMs } = options;
  const title = `${options.hubs} hubs, ${options.devices} devices and two allocators on real Kafka`;
  const missing = await missingEngine();
  if (missing !== null) {
    const why = `did not run: ${missing}`;
    describe(title, () => {
      if (process.env['CI']) it(why, () => expect('all engines').toBe('there'));
      else it.skip(why, () => undefined);
    });
    return;
  }
  describe(title, () => {
    const hubs = named('hub', options.hubs, '.plant.example.net');
    const devices = named('press', options.devices);
    const late = named('late', 200);
    const later = named('later', 200);
    let berth: SetUp;
    let log: RegistrationLog;
    let store: EventStore;
    let wishes = 0;

    beforeAll(async () => {
      berth = await setUp(new Random(1));
      log = await connectKafkaLog({ brokers: berth.brokers, partitions });
      store = new EventStore(berth.eventStoreUrl);
    }, deadlineMs);

    afterAll(async () => {
      await log?.close();
      await store?.close();
      await berth?.stop();
    }, deadlineMs);

    const graphql = <T>(query: string, variables?: Record<string, unknown>) => berth.berth.graphql<T>(query, variables);
    const loads = async () => (await graphql<{ hubLoads: Load[] }>('{ hubLoads { hub devices } }')).hubLoads;
    const register = (ids: readonly string[]) =>
      log.publish(
        topics.registrations,
        ids.map((registrationId) => {
          const requestId = `wish-${(wishes += 1)}`;
          return registrationRecord({ requestId, source, registrationId, attestation: { type: 'gateway' } }, at);
        }),
      );
    /** Resolves when so many devices are shown on hubs. */
    const shown = (count: number) =>
      eventually(
        `${count} devices on hubs`,
        async () => {
          const now = await loads();
          return now.reduce((sum, load) => sum + load.devices, 0) === count && now;
        },
        deadlineMs,
      ).catch((error: unknown) => {
        console.log(berth.lastWords());
        throw error;
      });

    it(
      'are linked, and devices enrolled, of which every third requires a label that all hubs have',
      async () => {
        const linking = await timed(async () => {
          await atOnce(documentsAtOnce, chunked(hubs, linksEach), async (names) => {
            const fields = names.map(
              (name, index) =>
                `h${index}: hubLink(input: { name: "${name}", labels: [{ key: "tier", value: "gold" }] }) { userErrors { code } }`,
            );
            const linked = await graphql<Record<string, { userErrors: unknown[] }>>(
              `mutation { ${fields.join('\n')} }`,
            );
            expect(Object.values(linked).flatMap(({ userErrors }) => userErrors)).toEqual([]);
          });
          await eventually('all hubs shown', async () => (await loads()).length === hubs.length, deadlineMs);
        });
        const enrolling = await timed(() =>
          atOnce(documentsAtOnce, chunked([...devices, ...late, ...later], rows), async (ids) => {
            const input = {
              rows: ids.map((registrationId, index) => ({
                registrationId,
                attestation: { gateway: { sources: [source] } },
                ...(index % 3 === 0 && { require: [{ key: 'tier', value: 'gold' }] }),
              })),
            };
            const mutation =
              'mutation ($input: EnrollmentsCreateInput!) { enrollmentsCreate(input: $input) { rows { userErrors { code } } } }';
            const { enrollmentsCreate } = await graphql<{
              enrollmentsCreate: { rows: { userErrors: unknown[] }[] };
            }>(mutation, { input });
            expect(enrollmentsCreate.rows.flatMap(({ userErrors }) => userErrors)).toEqual([]);
          }),
        );
        say(
          `${hubs.length} hubs linked in ${seconds(linking)}, ${devices.length} devices enrolled in ${seconds(enrolling)}`,
        );
      },
      deadlineMs,
    );

    it(
      'have the devices spread over them',
      async () => {
        let spread: Load[] = [];
        const begun = performance.now();
        const pages = new Pages(store, devices.length);
        for (const some of chunked(devices, 1000)) await register(some);
        await Promise.all([pages.complete, shown(devices.length).then((loaded) => (spread = loaded))]);
        const [deciding, showing] = [pages.completeAt - begun, performance.now() - begun];
        await pages.stop();
        const counts = spread.map((load) => load.devices);
        const [least, most] = [Math.min(...counts), Math.max(...counts)];
        const reports = await loadReports(store);
        say(
          `${devices.length} devices decided in ${seconds(deciding)} and shown in ${seconds(showing)}: ${least} to ${most} a hub; ` +
            `${pages.count} pages, the largest ${pages.largest} bytes; ` +
            `${reports.count} reports of loads, ${reports.bytes} bytes, the largest ${reports.largest}`,
        );
        expect(spread).toHaveLength(hubs.length);
        // Each of two allocators knows the other's loads a second late.
        expect(most - least).toBeLessThanOrEqual(4);
      },
      deadlineMs,
    );

    it(
      'are listed, and decisions explained, in pages',
      async () => {
        const page = await timed(() =>
          graphql('{ hubs(first: 100) { edges { node { name load { devices share } } } } }'),
        );
        const all = await timed(loads);
        const explained = await timed(async () => {
          const query =
            '{ registrations(first: 100) { edges { node { hub decision { chosen candidates { hub verdict } } } } } }';
          const { registrations } = await graphql<{
            registrations: { edges: { node: { hub: string; decision: { candidates: Candidate[] } } }[] };
          }>(query);
          for (const { node } of registrations.edges) {
            expect(node.decision.candidates.filter(({ verdict }) => verdict === 'chosen')).toEqual([
              { hub: node.hub, verdict: 'chosen' },
            ]);
          }
        });
        say(
          `100 hubs with their loads in ${seconds(page)}, all loads in ${seconds(all)}, 100 decisions explained in ${seconds(explained)}`,
        );
      },
      deadlineMs,
    );

    it(
      'take no devices when they are cordoned or unlinked, and those that were on an unlinked one go elsewhere',
      async () => {
        const [cordoned, unlinked] = [hubs.slice(0, leaving), hubs.slice(leaving, 2 * leaving)];
        const before = new Map((await loads()).map(({ hub, devices: count }) => [hub, count]));
        for (const name of cordoned) await graphql(`mutation { hubCordon(input: { name: "${name}" }) { position } }`);
        let position = '0';
        for (const name of unlinked) {
          const { hubUnlink } = await graphql<{ hubUnlink: { position: string; userErrors: unknown[] } }>(
            `mutation { hubUnlink(input: { name: "${name}" }) { position userErrors { code } } }`,
          );
          expect(hubUnlink.userErrors).toEqual([]);
          ({ position } = hubUnlink);
        }
        const stranded: string[] = [];
        for (const hub of unlinked) {
          const { registrations } = await graphql<{ registrations: { edges: { node: { registrationId: string } }[] } }>(
            `{ registrations(first: 100, filter: { hub: "${hub}" }) { edges { node { registrationId } } } }`,
          );
          stranded.push(...registrations.edges.map(({ node }) => node.registrationId));
        }
        expect(stranded.length).toBeGreaterThanOrEqual(leaving);
        await berth.berth.register(stranded.map((id) => asked(id, position)));
        await berth.berth.register(late.map((id) => asked(id, position)));
        const isSettled = (now: readonly Load[]) =>
          now.reduce((sum, load) => sum + load.devices, 0) === devices.length + late.length &&
          unlinked.every((hub) => !now.some((load) => load.hub === hub));
        const after = await eventually(
          'everybody on a hub that is linked',
          async () => {
            const now = await loads();
            return isSettled(now) && now;
          },
          deadlineMs,
        );
        const now = new Map(after.map(({ hub, devices: count }) => [hub, count]));
        expect(cordoned.map((hub) => now.get(hub))).toEqual(cordoned.map((hub) => before.get(hub)));
        say(`${stranded.length} devices of unlinked hubs and ${late.length} new ones are on others`);
      },
      deadlineMs,
    );

    it(
      'are there again after an allocator was killed',
      async () => {
        const [first] = berth.allocators;
        const restarting = await timed(async () => {
          const { starts } = first;
          await first.kill();
          await eventually('the allocator to be ready again', () => first.starts > starts && first.now, deadlineMs);
        });
        await register(later);
        await shown(devices.length + late.length + later.length);
        say(`an allocator that was killed was ready again after ${seconds(restarting)}`);
      },
      deadlineMs,
    );

    function asked(registrationId: string, minPosition: string) {
      return {
        specversion: '1.0',
        type: 'io.berth.registration.requested.v1',
        source,
        id: `wish-${(wishes += 1)}`,
        berthminposition: minPosition,
        data: { registrationId, attestation: { type: 'gateway' } },
      };
    }
  });
}

/** Follows all ledgers until they have so many outcomes. */
class Pages {
  count = 0;
  largest = 0;
  completeAt = 0;
  readonly complete: Promise<void>;
  private readonly following: Followed;

  constructor(store: EventStore, expected: number) {
    let left = expected;
    let done!: () => void;
    this.complete = new Promise((resolve) => (done = resolve));
    const handle = (events: readonly StoredEvent<LedgerEvent>[]) => {
      for (const { event } of events) {
        if (event.type !== 'DecisionsRecorded') continue;
        this.count += 1;
        this.largest = Math.max(this.largest, JSON.stringify(event.data).length);
        left -= event.data.outcomes.length;
      }
      if (left > 0 || this.completeAt > 0) return;
      this.completeAt = performance.now();
      done();
    };
    this.following = store.follow<LedgerEvent>({ prefixes: ['ledger-'], after: null, handle });
  }

  stop(): Promise<void> {
    return this.following.stop();
  }
}

interface Candidate {
  hub: string;
  verdict: string;
}

function named(kind: string, count: number, domain = ''): string[] {
  return Array.from({ length: count }, (_, index) => `${kind}-${String(index).padStart(5, '0')}${domain}`);
}

function chunked<T>(items: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, at) => items.slice(at * size, (at + 1) * size));
}

async function atOnce<T>(workers: number, items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const waiting = items.values();
  const worker = async () => {
    for (const item of waiting) await work(item);
  };
  await Promise.all(Array.from({ length: workers }, worker));
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const begun = performance.now();
  await work();
  return performance.now() - begun;
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(ms < 1000 ? 3 : 1)} s`;
}

/** As it happens, for whoever waits. */
function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

/** What is kept of them in the event store. */
async function loadReports(store: EventStore): Promise<{ count: number; bytes: number; largest: number }> {
  const sizes: number[] = [];
  const following = store.follow<LoadEvent>({
    prefixes: ['loads-'],
    after: null,
    handle: (events) => {
      for (const { event } of events) sizes.push(JSON.stringify(event.data).length);
    },
  });
  await following.caughtUp;
  await following.stop();
  return {
    count: sizes.length,
    bytes: sizes.reduce((sum, size) => sum + size, 0),
    largest: Math.max(0, ...sizes),
  };
}
