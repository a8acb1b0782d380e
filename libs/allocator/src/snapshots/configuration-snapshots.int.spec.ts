import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type Configuration, type ConfigurationEvent, emptyConfiguration, type HubEvent } from '@berth/domain';
import { EventStore, noStream, type StoredEvent } from '@berth/event-store';
import { startEventStoreNode } from '@berth/event-store-node';
import { MasterKey } from '@berth/secrets';
import { enrollmentData, enrollmentGroupData, eventually, longestTurnMs } from '@berth/testing';
import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ConfigurationView } from '../configuration-view.js';
import { layoutOf } from './under-test/layout.js';
import { ConfigurationSnapshots, type ConfigurationSnapshotsOptions } from './configuration-snapshots.js';

const masterKey = new MasterKey(randomBytes(32));
const metadata = { correlationId: 'spec', actor: 'spec', at: '2026-01-01T00:00:00.000Z' };
const secret = Buffer.from('a key of a device, 32 bytes long');

let folder: string;
let node: Awaited<ReturnType<typeof startEventStoreNode>>;
let store: EventStore;
let warnings: string[];
let revision: number;
const views: ConfigurationView[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'berth-configuration-snapshots-'));
  node = await startEventStoreNode({ dataFolder: join(folder, 'event-store') });
  store = new EventStore(node.connectionString);
  warnings = [];
  revision = noStream;
});

afterEach(async () => {
  for (const view of views.splice(0)) await view.stop();
  await store.close();
  await node.stop();
  await rm(folder, { recursive: true, force: true });
});

const snapshotFolder = () => join(folder, 'snapshots', 'configuration');
const files = async () =>
  (await readdir(snapshotFolder()).catch(() => [])).filter((file) => file.endsWith('.snapshot'));

const snapshotsOf = (change: Partial<ConfigurationSnapshotsOptions> = {}) => {
  const warn = (message: string) => void warnings.push(message);
  return new ConfigurationSnapshots({ dataFolder: folder, store, masterKey, eventsMin: 1000, warn, ...change });
};

async function open(change: Partial<ConfigurationSnapshotsOptions> = {}) {
  const options = { store, masterKey, ...change };
  const view = new ConfigurationView(options.store, options.masterKey, snapshotsOf(change));
  views.push(view);
  await view.caughtUp;
  return view;
}

const linked = (name: string): HubEvent => ({
  type: 'HubLinked',
  v: 1,
  data: { name, weight: 1, capacity: null, region: null, connection: null },
});

/** The first with keys, the others by a trusted gateway, which is quicker to make. */
function enrolled(number: number): ConfigurationEvent[] {
  const { event, key } = number < 20 ? masterKey.newDataKey() : { event: null, key: null };
  const sealed = () => masterKey.seal(secret, key!);
  const data = enrollmentData(`Press-${number}`, `/gateways/${number % 7}`, {
    deviceId: number % 3 === 0 ? `device-${number}` : null,
    hubs: number % 2 === 0 ? ['hub-a'] : [],
    ...(key && { attestation: { type: 'symmetricKey' as const, primary: sealed(), secondary: sealed() } }),
  });
  return [...(event ? [event] : []), { type: 'EnrollmentCreated', v: 2, data }];
}

/** A group with a key (the other one is lost), one with a certificate, and a CA certificate that is verified. */
function grouped(): ConfigurationEvent[] {
  const { event, key } = masterKey.newDataKey();
  const [primary, lost] = [masterKey.seal(secret, key), { keyId: 'lost', nonce: '', ciphertext: '' }];
  const withKeys = { attestation: { type: 'symmetricKey', primary, secondary: lost } } as const;
  const validity = { notBefore: null, notAfter: '2027-01-01T00:00:00.000Z' };
  const certificate = { certificate: 'AAAA', thumbprint: 'bb' };
  const withCertificate = { attestation: { type: 'x509', primary: certificate, secondary: null } } as const;
  const ca = { name: 'works', certificate: 'AAAA', thumbprint: 'aa' };
  const reserved = (thumbprint: string, type: 'caCertificate' | 'enrollmentGroup', name: string) =>
    ({ type: 'CertificateReserved', v: 1, data: { thumbprint, holder: { type, name } } }) as const;
  return [
    event,
    { type: 'EnrollmentGroupCreated', v: 1, data: enrollmentGroupData('Line-7', { ...withKeys, validity }) },
    reserved('aa', 'caCertificate', 'works'),
    { type: 'CaCertificateUploaded', v: 1, data: { ...ca, verified: false } },
    { type: 'CaCertificateVerified', v: 1, data: { name: 'works', by: 'operator' } },
    reserved('bb', 'enrollmentGroup', 'hall'),
    { type: 'EnrollmentGroupCreated', v: 1, data: enrollmentGroupData('hall', withCertificate) },
  ];
}

/** What two gateways reported, and tables of two regions. */
function measured(): ConfigurationEvent[] {
  const reported = (source: string, offset: number, ...us: number[]): ConfigurationEvent => {
    const latencies = us.map((each, hub) => ({ hub: `hub-${hub}`, us: each, measuredAt: offset }));
    return { type: 'GatewayLatenciesReported', v: 1, data: { source, offset, latencies } };
  };
  const table = (region: string, ...latencies: { hub: string; ms: number }[]): ConfigurationEvent => ({
    type: 'RegionLatenciesSet',
    v: 1,
    data: { region, latencies },
  });
  return [
    reported('/gateways/one', 1, 12_000, 80_000),
    reported('/gateways/two', 2, 7_000),
    reported('/gateways/one', 3, 12_500),
    table('EU-West', { hub: 'hub-a', ms: 12.5 }),
    table('us', { hub: 'hub-a', ms: 90 }, { hub: 'hub-b', ms: 20 }),
  ];
}

/** All on one stream, which a fold doesn't look at and the store takes much faster. */
async function record(...events: ConfigurationEvent[]): Promise<bigint> {
  let position = 0n;
  for (let start = 0; start < events.length; start += 400) {
    ({ revision, position } = await store.append(
      'enrollment-many',
      events.slice(start, start + 400),
      revision,
      metadata,
    ));
  }
  return position;
}

const enrolledMany = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, index) => enrolled(from + index)).flat();

/** Everything a decision can see of it. */
function contentOf(configuration: Configuration, upTo: number): string {
  const { enrollments, groups, certificates, hubs, policy, dataKeys, gateways, regions } = configuration;
  const devices = Array.from({ length: upTo }, (_, number) => enrollments.get(`press-${number}`) ?? null);
  const others = { groups: groups.facts(), certificates: certificates.facts(), policy };
  return JSON.stringify({
    size: enrollments.size,
    devices,
    hubs: [...hubs],
    dataKeys: [...dataKeys],
    gateways: gateways.facts(),
    regions: [...regions],
    ...others,
  });
}

function otherKeys(): ConfigurationEvent[] {
  const { event, key } = masterKey.newDataKey();
  const sealed = masterKey.seal(Buffer.alloc(32), key);
  const attestation = { type: 'symmetricKey', primary: sealed, secondary: sealed } as const;
  return [event, { type: 'EnrollmentAttestationReplaced', v: 1, data: { registrationId: 'press-5', attestation } }];
}

describe('snapshots of the configuration', () => {
  it('give, with the events since, what all events give', async () => {
    const pending = masterKey.newDataKey();
    await record(linked('hub-a'), pending.event, ...grouped(), ...measured(), ...enrolledMany(0, 1600));
    const first = await open();
    await eventually('a snapshot', async () => (await files()).length > 0);
    await first.stop();
    const disabled = { type: 'EnrollmentDisabled', v: 1, data: { registrationId: 'press-5' } } as const;
    const groupDisabled = { type: 'EnrollmentGroupDisabled', v: 1, data: { name: 'Line-7' } } as const;
    const nothingOfUs: ConfigurationEvent = { type: 'RegionLatenciesSet', v: 1, data: { region: 'US', latencies: [] } };
    const last = await record(...enrolledMany(1600, 1610), disabled, groupDisabled, nothingOfUs, linked('hub-b'));
    const again = await open();
    expect(await again.reached(last, 5000)).toBe(true);
    const view = new ConfigurationView(store, masterKey);
    views.push(view);
    await view.caughtUp;
    expect(contentOf(again.configuration, 1610)).toBe(contentOf(view.configuration, 1610));
    expect(again.newest).toBe(view.newest);
    expect(again.configuration.enrollments.get('press-7')!.attestation).toMatchObject({ primary: secret });
    expect(again.configuration.groups.get('line-7')).toMatchObject({
      attestation: { primary: secret, secondary: null },
      terms: { enabled: false, validity: { notAfter: '2027-01-01T00:00:00.000Z' } },
    });
    expect(again.configuration.certificates.isVerifiedCa('aa')).toBe(true);
    expect(again.configuration.certificates.groupOf('bb')).toBe('hall');
    expect(again.configuration.gateways.facts()).toMatchObject([
      { source: '/gateways/two', offset: 2, latencies: [{ us: 7_000 }] },
      { source: '/gateways/one', offset: 3, latencies: [{ us: 12_500 }] },
    ]);
    expect([...again.configuration.regions.values()]).toEqual([
      { region: 'EU-West', latencies: [{ hub: 'hub-a', ms: 12.5 }] },
    ]);
    expect(warnings).toEqual([]);
  });

  it('are all there is when the events are out of reach, so they are used', async () => {
    await record(linked('hub-a'), ...enrolledMany(0, 1500));
    await (await takenBy(await open())).stop();
    const unread = new Proxy(store, {
      get: (target, name) =>
        name === 'follow'
          ? (options: { after: bigint | null }) => {
              expect(options.after).not.toBeNull();
              return target.follow({ ...options, handle: () => undefined } as never);
            }
          : Reflect.get(target, name),
    });
    const view = await open({ store: unread });
    expect(view.configuration.enrollments.size).toBe(1500);
  });

  it('say nothing to who reads the files, and open nowhere else', async () => {
    await record(linked('hub-a'), ...enrolledMany(0, 1500));
    await (await takenBy(await open())).stop();
    for (const file of await files()) {
      const bytes = await readFile(join(snapshotFolder(), file));
      expect(bytes.includes(secret)).toBe(false);
      expect(bytes.includes('ress-5')).toBe(false);
    }
    const stranger = await open({ masterKey: new MasterKey(randomBytes(32)) });
    expect(stranger.configuration.enrollments.get('press-5')!.attestation).toMatchObject({ primary: null });
    expect(await files()).toEqual([]);
  });

  it('that are damaged give way to the events', async () => {
    await record(linked('hub-a'), ...enrolledMany(0, 1500));
    await (await takenBy(await open())).stop();
    for (const file of await files()) {
      const path = join(snapshotFolder(), file);
      const bytes = await readFile(path);
      bytes[Math.floor(bytes.length / 2)]! ^= 1;
      await writeFile(path, bytes);
    }
    const view = await open();
    expect(view.configuration.enrollments.size).toBe(1500);
    expect(warnings).toHaveLength(1);
  });

  it('are not believed when the store is another one', async () => {
    await record(linked('hub-a'), ...enrolledMany(0, 1500));
    await (await takenBy(await open())).stop();
    const otherNode = await startEventStoreNode({ dataFolder: join(folder, 'other') });
    const other = new EventStore(otherNode.connectionString);
    try {
      await other.append('hub-hub-z', [linked('hub-z')], noStream, metadata);
      const view = await open({ store: other });
      expect([...view.configuration.hubs.keys()]).toEqual(['hub-z']);
      expect(view.configuration.enrollments.size).toBe(0);
    } finally {
      await views.pop()!.stop();
      await other.close();
      await otherNode.stop();
    }
  });

  it('never keep the allocator from deciding for more than 50 ms', async () => {
    const position = await record(linked('hub-a'));
    const stored: StoredEvent<ConfigurationEvent>[] = [];
    for await (const one of store.read<ConfigurationEvent>('enrollment-many')) stored.push(one);
    const configuration = emptyConfiguration();
    const { policy, hubs, reprovision, validity, singleUse, enabled } = enrollmentData('', '');
    for (let number = 0; number < 200_000; number += 1) {
      configuration.enrollments.set(`press-${number}`, {
        registrationId: `Press-${number}`,
        deviceId: null,
        attestation: { type: 'symmetricKey', primary: secret, secondary: secret },
        terms: { policy, hubs, reprovision, validity, singleUse, enabled },
      });
    }
    const folded = { configuration, position, newest: position };
    const take = async () => {
      await rm(snapshotFolder(), { recursive: true, force: true });
      const taking = snapshotsOf({ eventsMin: -100_000 });
      taking.folded(stored, () => folded);
      taking.consider(folded);
      await eventually('a snapshot', async () => (await files()).length > 0);
      await taking.stop();
    };
    expect(await longestTurnMs(take, 50)).toBeLessThan(50);
    expect((await snapshotsOf().load(emptyConfiguration))?.configuration.enrollments.size).toBe(200_000);
  });

  it.each<[string, () => ConfigurationEvent[], number]>([
    [
      'an enrollment that was deleted',
      () => [{ type: 'EnrollmentDeleted', v: 1, data: { registrationId: 'press-5' } }],
      1499,
    ],
    ['an enrollment that got other ones', () => otherKeys(), 1500],
    ['a group that was deleted', () => [{ type: 'EnrollmentGroupDeleted', v: 1, data: { name: 'line-7' } }], 1500],
  ])('keep no key of %s, once a while has passed', async (_what, events, left) => {
    await record(linked('hub-a'), ...grouped(), ...enrolledMany(0, 1500));
    const view = await takenBy(await open({ deletedKeysKeptMs: 100 }));
    const [before] = await files();
    const last = await record(...events());
    await view.reached(last, 5000);
    await eventually('the old snapshot gone', async () => {
      const now = await files();
      return now.length === 1 && now[0] !== before;
    });
    await view.stop();
    const again = await open();
    expect(again.configuration.enrollments.size).toBe(left);
    expect(await readdir(snapshotFolder())).toHaveLength(1);
  });

  it('of another layout have another shape', () => {
    const { enrollments } = emptyConfiguration();
    const wished = enrollmentData('', '', { hubs: ['hub-a'], policy: 'static' });
    const { policy, hubs, reprovision, validity, singleUse, enabled } = wished;
    const terms = { policy, hubs, reprovision, validity, singleUse, enabled };
    const sources = { type: 'gateway', sources: ['/gateways/one'] } as const;
    const keys = { type: 'symmetricKey', primary: secret, secondary: null } as const;
    enrollments.set('press-1', { registrationId: 'Press-1', deviceId: null, attestation: sources, terms });
    const certificates = { type: 'x509', primary: null, secondary: Buffer.alloc(32, 9) } as const;
    enrollments.set('press-3', { registrationId: 'press-3', deviceId: null, attestation: certificates, terms });
    enrollments.set('press-2', { registrationId: 'press-2', deviceId: 'two', attestation: keys, terms });
    // Changed? Then raise the shape of the configuration's snapshots, or old ones are read as what they are not.
    expect(layoutOf(enrollments)).toBe('761cbf3785020730');
  });

  it('hold every part of a configuration', () => {
    // Whoever adds one decides here whether a snapshot has to hold it.
    const held = ['enrollments', 'groups', 'certificates', 'hubs', 'policy', 'dataKeys', 'gateways', 'regions'];
    // What is foreknown of data keys is needed while the past is read, and no snapshot is taken then.
    const made = ['hubsVersion', 'openSecret', 'rewrapped'];
    expect(Object.keys(emptyConfiguration()).sort()).toEqual([...held, ...made].sort());
  });
});

async function takenBy(view: ConfigurationView): Promise<ConfigurationView> {
  await eventually('a snapshot', async () => (await files()).length > 0);
  return view;
}
