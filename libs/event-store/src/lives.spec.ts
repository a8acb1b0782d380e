import { expect, it } from '@jest/globals';
import {
  type CaCertificateEvent,
  type CapacityEvent,
  type CertificateUseEvent,
  type Configuration,
  type ConfigurationEvent,
  emptyConfiguration,
  emptyLedger,
  type EnrollmentEvent,
  type EnrollmentGroupEvent,
  evolveCaCertificate,
  evolveCertificateUse,
  evolveConfiguration,
  evolveEnrollment,
  evolveEnrollmentGroup,
  evolveHub,
  evolveImport,
  evolveLedger,
  evolveMasterKeyUse,
  evolvePolicy,
  evolveRegionLatencies,
  factsOf,
  type HubEvent,
  type ImportEvent,
  initialPolicy,
  leasePlaces,
  type LedgerEvent,
  type LoadEvent,
  LoadView,
  type MasterKeyEvent,
  noCaCertificate,
  noEnrollment,
  noEnrollmentGroup,
  noHub,
  noImport,
  noMasterKeyUse,
  noRegionLatencies,
  type PolicyEvent,
  type RegionLatenciesSet,
  unusedCertificate,
} from '@berth/domain';
import { readdirSync, readFileSync } from 'node:fs';
import { type BerthEvent } from './codec.js';
import { type streams } from './streams.js';
import { fixtures, readFixture } from './under-test/read-fixture.js';

/** A stream as it may have been stored, by the names of fixtures, and what it stands for: `<kind of stream>[.<what it is of>].json`. */
interface Life {
  events: readonly string[];
  state: unknown;
}

type Fold = (events: readonly BerthEvent[]) => unknown;

/** Every kind of stream, as those fold it who decide by it. */
const folds: Readonly<Record<keyof typeof streams, Fold>> = {
  hub: configuring<HubEvent>((events) => events.reduce(evolveHub, noHub)),
  enrollment: configuring<EnrollmentEvent>((events) => events.reduce(evolveEnrollment, noEnrollment)),
  enrollmentGroup: configuring<EnrollmentGroupEvent>((events) =>
    events.reduce(evolveEnrollmentGroup, noEnrollmentGroup),
  ),
  caCertificate: configuring<CaCertificateEvent>((events) => events.reduce(evolveCaCertificate, noCaCertificate)),
  certificate: configuring<CertificateUseEvent>((events) => events.reduce(evolveCertificateUse, unusedCertificate)),
  policy: configuring<PolicyEvent>((events) => events.reduce(evolvePolicy, initialPolicy)),
  gatewayLatencies: configuring(() => null),
  regionLatencies: configuring<RegionLatenciesSet>((events) => events.reduce(evolveRegionLatencies, noRegionLatencies)),
  dataKey: configuring(() => null),
  ledger: (events) => {
    const ledger = emptyLedger(3);
    for (const [revision, event] of events.entries()) {
      evolveLedger(ledger, event as LedgerEvent, { revision, position: String(1000 + revision) });
    }
    const devices = [...ledger.devices].sort(([a], [b]) => (a < b ? -1 : 1));
    return { ...ledger, devices, loads: [...ledger.loads] };
  },
  capacity: (events) => {
    const { data } = events.at(-1) as CapacityEvent;
    const { hub, terms, capacity, limits } = data;
    return leasePlaces({ hub, terms, capacity, partitions: limits.length }, [], data).book;
  },
  loads: (events) => {
    const view = new LoadView(4);
    for (const { data } of events as readonly LoadEvent[]) {
      const told = { ...data, loads: new Map(data.loads) };
      if (data.since === undefined) view.reported(told);
      else view.changed(told);
    }
    const hub = { state: 'open', weight: 1, capacity: null, openedAt: 0 } as const;
    const hubs = new Map(['hub-a', 'hub-b'].map((name) => [name, { ...hub, name }]));
    return [...view.boardOf({ hubs, hubsVersion: 1 }).values()].map(({ name, load }) => [name, load]);
  },
  import: (events) => (events as readonly ImportEvent[]).reduce(evolveImport, noImport),
  masterKey: (events) => (events as readonly MasterKeyEvent[]).reduce(evolveMasterKeyUse, noMasterKeyUse),
  deployment: (events) => events.at(-1)?.data,
};

/** What a command on it is decided by, and what registrations are. */
function configuring<E extends ConfigurationEvent>(record: (events: readonly E[]) => unknown): Fold {
  return (events) => {
    const configuration = emptyConfiguration();
    for (const [index, event] of events.entries()) {
      evolveConfiguration(configuration, event as E, { position: String(index), at: index });
    }
    return { record: record(events as readonly E[]), configuration: changed(configuration) };
  };
}

/** Of a configuration, what is not as in an empty one; of its enrollments the one that fixtures are of. */
function changed(configuration: Configuration): object {
  const { enrollments } = configuration;
  const entries = Object.entries({ ...factsOf(configuration), enrollment: enrollments.get('press-01') });
  const empty = new Map<string, unknown>(Object.entries(factsOf(emptyConfiguration())));
  return Object.fromEntries(
    entries.filter(([name, value]) => JSON.stringify(value) !== JSON.stringify(empty.get(name))),
  );
}

const folder = new URL('./lives/', import.meta.url);
const lives = readdirSync(folder).map((file): [string, Life] => [
  file,
  JSON.parse(readFileSync(new URL(file, folder), 'utf8')) as Life,
]);

it.each(lives)('folds to the state that it stands for, for ever: %s', (file, { events, state }) => {
  const [kind] = file.split('.') as [keyof typeof streams];
  const folded = folds[kind](events.map((name) => readFixture(`${name}.json`)));
  // As stored, for what is undefined is not there.
  expect(JSON.parse(JSON.stringify(folded))).toEqual(state);
});

it('has every event in it that was ever stored, and every kind of stream', () => {
  const told = new Set(lives.flatMap(([, { events }]) => events.map((name) => `${name}.json`)));
  expect([...told].sort()).toEqual(fixtures);
  const kinds = new Set(lives.map(([file]) => file.split('.')[0]));
  expect([...kinds].sort()).toEqual(Object.keys(folds).sort());
});
