import { describe, expect, it } from '@jest/globals';
import { type JSONRecordedEvent } from '@eventstore/db-client';
import {
  type Configuration,
  type ConfigurationEvent,
  emptyConfiguration,
  emptyLedger,
  evolveConfiguration,
  evolveImport,
  evolveLedger,
  evolveMasterKeyUse,
  explainPage,
  type ImportEvent,
  leasePlaces,
  type LedgerEvent,
  LoadView,
  type MasterKeyEvent,
  noImport,
} from '@berth/domain';
import { readdirSync, readFileSync } from 'node:fs';
import { type BerthEvent, decode, newestShape } from './codec.js';

const worksThumbprint = '901f705cef43c90a2873543f07bb3c980d0c647143821b9912823b928b5a6d1b';
const lineThumbprint = '249aaa4e169b8ffd57a1f6381fa15ce8730e7d3c4863ede61c3d2276ea888770';
const folder = new URL('./fixtures/', import.meta.url);
const position = { commit: 64n, prepare: 64n };

/** A stored event of that shape, as today's code reads it. */
function read(file: string) {
  const [type = ''] = file.split('.');
  const data = JSON.parse(readFileSync(new URL(file, folder), 'utf8')) as JSONRecordedEvent['data'];
  const created = new Date(0);
  const record = {
    streamId: 's',
    id: 'i',
    revision: 0n,
    type,
    isJson: true as const,
    data,
    metadata: {},
    created,
    position,
  };
  return decode(record, position.commit);
}

const ledgerEvents: readonly BerthEvent['type'][] = [
  'PartitionClaimed',
  'ConfigurationNoted',
  'DecisionsRecorded',
  'RegistrationReleased',
  'ReleaseRefused',
];

function isLedgerEvent(event: BerthEvent): event is LedgerEvent {
  return ledgerEvents.includes(event.type);
}

function isImportEvent(event: BerthEvent): event is ImportEvent {
  return event.type.startsWith('Import');
}

function isMasterKeyEvent(event: BerthEvent): event is MasterKeyEvent {
  return event.type.startsWith('MasterKey');
}

const inUse = { status: 'inUse', position: null, rewrapped: 0, unopenable: 0 } as const;

describe('every shape ever stored', () => {
  const files = readdirSync(folder).sort();

  it('has its fixture, and every fixture its shape', () => {
    const shapes = Object.entries(newestShape).flatMap(([type, newest]) =>
      Array.from({ length: newest }, (_, index) => `${type}.v${index + 1}`),
    );
    // A shape has more than one where fields came to it that may be absent: `<type>.v<shape>.<what it is of>.json`.
    const of = new Set(files.map((file) => file.split('.').slice(0, 2).join('.')));
    expect([...of].sort()).toEqual(shapes.sort());
  });

  it.each(files)('is read by today’s code as the newest: %s', (file) => {
    const { event } = read(file);
    expect(event.v).toBe(newestShape[event.type]);
    if (event.type === 'CapacityLeased') {
      const terms = { hub: event.data.hub, terms: event.data.terms, capacity: 1000, partitions: 4 };
      expect(leasePlaces(terms, [], event.data).book).toBe(event.data);
    } else if (event.type === 'LoadsReported') {
      const { loads, since, ...report } = event.data;
      const view = new LoadView(4);
      const told = { ...report, loads: new Map(loads) };
      expect(() => (since === undefined ? view.reported(told) : view.changed(told))).not.toThrow();
    } else if (isImportEvent(event)) {
      const { name, mode, rows, lastRow } = event.data;
      expect(evolveImport(noImport, event)).toMatchObject({ name, mode, rows, lastRow });
    } else if (isLedgerEvent(event)) {
      const ledger = emptyLedger(3);
      evolveLedger(ledger, event, { revision: 7, position: '64' });
      expect(ledger.revision).toBe(7);
    } else if (isMasterKeyEvent(event)) {
      const use = evolveMasterKeyUse({ ...inUse, masterKeyId: 'k' }, event);
      expect(use).toMatchObject({ masterKeyId: 'k', ...event.data });
    } else if (event.type !== 'DeploymentFounded') {
      expect(() =>
        evolveConfiguration(emptyConfiguration(), event as ConfigurationEvent, { position: '64', at: 0 }),
      ).not.toThrow();
    }
  });

  it('explains a page of one allocator among several the same for ever', () => {
    const { event } = read('DecisionsRecorded.v1.of-several-allocators.json');
    if (event.type !== 'DecisionsRecorded') throw new Error('another event');
    const explained = [...explainPage(event.data)].map(({ decision }) =>
      decision.candidates.map(({ verdict, score }) => `${verdict} ${score}`),
    );
    expect(explained).toEqual([
      ['chosen 10570/4096', 'slowStart null', 'leased null'],
      ['eligible 14666/4096', 'chosen 9000/4096', 'leased null'],
    ]);
  });

  it('explains a page by latencies the same for ever, and who said them', () => {
    const { event } = read('DecisionsRecorded.v1.by-latencies.json');
    if (event.type !== 'DecisionsRecorded') throw new Error('another event');
    const [explained] = [...explainPage(event.data)];
    expect(explained!.decision.candidates.map(({ verdict, latency }) => [verdict, latency])).toEqual([
      ['farther', { ms: 50, from: 'registration' }],
      ['farther', { ms: 20, from: 'gateway' }],
      ['chosen', { ms: 10, from: 'region' }],
      ['unscored', undefined],
    ]);
  });

  it('explains a page that states once what a region’s devices go by the same for ever', () => {
    const { event } = read('DecisionsRecorded.v1.with-latency-tables.json');
    if (event.type !== 'DecisionsRecorded') throw new Error('another event');
    const explained = [...explainPage(event.data)].map(({ decision }) =>
      decision.candidates.map(({ verdict, latency }) => `${verdict} ${latency?.ms} ${latency?.from}`),
    );
    expect(explained).toEqual([
      ['farther 80 region', 'full undefined undefined', 'chosen 8 region'],
      ['chosen 1 registration', 'full undefined undefined', 'farther 8 region'],
    ]);
  });

  it('explains a page that requires labels the same for ever', () => {
    const { event } = read('DecisionsRecorded.v1.requiring-labels.json');
    if (event.type !== 'DecisionsRecorded') throw new Error('another event');
    const explained = [...explainPage(event.data)].map(({ decision }) =>
      decision.candidates.map(({ verdict, reason }) => [verdict, reason]),
    );
    expect(explained).toEqual([
      [
        ['chosen', null],
        ['lacksLabels', 'the hub lacks the label tier=gold'],
        ['lacksLabels', 'the hub lacks the label site=paris, and 1 more'],
      ],
    ]);
  });

  it('explains a page that webhooks had a part in the same for ever', () => {
    const { event } = read('DecisionsRecorded.v1.of-webhooks.json');
    if (event.type !== 'DecisionsRecorded') throw new Error('another event');
    const explained = [...explainPage(event.data)].map(({ decision: { candidates, webhook } }) => [
      ...candidates.map(({ verdict, score }) => `${verdict} ${score}`),
      `${webhook?.hub} ${webhook?.fault} ${webhook?.fallback}`,
    ]);
    expect(explained).toEqual([
      ['eligible null', 'chosen null', 'eligible null', 'hub-b null null'],
      ['kept null', 'eligible null', 'eligible null', 'hub-a null null'],
      ['eligible null', 'eligible null', 'eligible null', 'null answered 503 null'],
      ['eligible 83/2', 'chosen 7/2', 'eligible 7/2', 'null gave no answer within 5000 ms evenlyWeighted'],
    ]);
  });

  it('folds a stored page to the same ledger, and explains it the same, for ever', () => {
    const { event } = read('DecisionsRecorded.v1.json');
    if (event.type !== 'DecisionsRecorded') throw new Error('another event');
    const ledger = emptyLedger(3);
    evolveLedger(ledger, event, { revision: 7, position: '64' });
    expect([...ledger.loads]).toEqual([
      ['hub-a', 2],
      ['hub-c', -1],
    ]);
    expect([...ledger.devices].map(([key]) => key).sort()).toEqual(['ghost', 'press-01', 'press-02', 'press-03']);
    expect(ledger.lastOffset).toBe(14);
    const explained = [...explainPage(event.data)].map(({ decision }) => decision.candidates.map(({ score }) => score));
    expect(explained).toEqual([['83/4', null], ['85/4', null], ['87/4', '15/2'], []]);
  });

  /** Of every kind of record the shapes ever stored in the order of a life, and what today's code makes of them. */
  const enrollment = { type: 'symmetricKey', primary: null, secondary: null };
  it.each<[string, readonly string[], (configuration: Configuration) => unknown, unknown]>([
    [
      'hub',
      [
        'HubLinked',
        'HubWeightChanged',
        'HubCapacityChanged',
        'HubRegionChanged',
        'HubCordoned',
        'HubUncordoned',
        'HubDrainBegun',
      ],
      ({ hubs }) => [...hubs].map(([key, { connection: _sealed, ...hub }]) => [key, hub]),
      [
        [
          'hub-a',
          {
            ...{ status: 'linked', name: 'Hub-A', weight: 3, capacity: null, region: null, state: 'draining' },
            ...{ openedAt: 5, capacitySince: '2' },
          },
        ],
      ],
    ],
    ['hub that was unlinked', ['HubLinked', 'HubUnlinked'], ({ hubs }) => hubs.size, 0],
    ['policy', ['AllocationPolicyChosen'], ({ policy }) => policy, { kind: 'static', hubs: ['Hub-B', 'Hub-A'] }],
    ...['EnrollmentCreated.v1', 'EnrollmentCreated'].map(
      (created): [string, readonly string[], (configuration: Configuration) => unknown, unknown] => [
        `enrollment, beginning with ${created}`,
        [created, 'EnrollmentTermsChanged', 'EnrollmentAttestationReplaced', 'EnrollmentDisabled', 'EnrollmentEnabled'],
        ({ enrollments }) => enrollments.get('press-01'),
        {
          ...{ registrationId: 'Press-01', deviceId: 'P1', attestation: enrollment },
          terms: {
            ...{ policy: null, hubs: [], singleUse: false, enabled: true },
            reprovision: { updateHubAssignment: true, migrateDeviceData: true },
            validity: {
              notBefore: created === 'EnrollmentCreated' ? '2026-01-01T00:00:00.000Z' : null,
              notAfter: null,
            },
          },
        },
      ],
    ),
    [
      'enrollment that was deleted',
      ['EnrollmentCreated', 'EnrollmentDeleted'],
      ({ enrollments }) => enrollments.size,
      0,
    ],
    [
      'group',
      [
        'EnrollmentGroupCreated',
        'EnrollmentGroupTermsChanged',
        'EnrollmentGroupAttestationReplaced',
        'EnrollmentGroupEnabled',
        'EnrollmentGroupDisabled',
      ],
      ({ groups }) => groups.facts(),
      [
        {
          name: 'Line-7',
          attestation: { type: 'x509', thumbprints: [worksThumbprint] },
          terms: {
            ...{ policy: 'evenlyWeighted', hubs: ['Hub-A'], singleUse: true, enabled: false },
            reprovision: { updateHubAssignment: true, migrateDeviceData: true },
            validity: { notBefore: null, notAfter: '2027-01-01T00:00:00.000Z' },
          },
        },
      ],
    ],
    [
      'group that was deleted',
      ['EnrollmentGroupCreated', 'EnrollmentGroupDeleted'],
      ({ groups, certificates }) => [groups.facts(), certificates.facts().brought],
      [[], []],
    ],
    [
      'CA certificate',
      ['CaCertificateUploaded', 'CaCertificateVerificationBegun', 'CaCertificateVerified'],
      ({ certificates }) =>
        certificates.facts().caCertificates.map(([key, ca]) => [key, { ...ca, certificate: 'der' }]),
      [
        [
          'works',
          {
            ...{ status: 'uploaded', name: 'Works', thumbprint: worksThumbprint, certificate: 'der' },
            ...{ verified: true, code: null },
          },
        ],
      ],
    ],
    [
      'CA certificate that was deleted',
      ['CaCertificateUploaded', 'CaCertificateDeleted'],
      ({ certificates }) => certificates.facts().caCertificates,
      [],
    ],
    [
      'certificate use',
      ['CertificateReserved'],
      ({ certificates }) => certificates.facts().uses,
      [[lineThumbprint, { entry: { type: 'enrollmentGroup', name: 'Line-7' }, caCertificate: null }]],
    ],
    [
      'certificate use that ended',
      ['CertificateReserved', 'CertificateReleased'],
      ({ certificates }) => certificates.facts().uses,
      [],
    ],
    ['data key', ['DataKeyCreated'], ({ dataKeys }) => dataKeys.size, 1],
    [
      'data key that was wrapped anew',
      ['DataKeyCreated', 'DataKeyRewrapped'],
      ({ dataKeys }) => [...dataKeys.values()].map(({ masterKeyId }) => masterKeyId),
      ['m-2'],
    ],
    ['data key whose record was read before', ['DataKeyRewrapped'], ({ dataKeys }) => dataKeys.size, 0],
  ])('folds to the state it stands for, for ever: %s', (_kind, life, seen, expected) => {
    const configuration = emptyConfiguration();
    for (const [index, name] of life.entries()) {
      const file = name.includes('.') ? `${name}.json` : `${name}.v${newestShape[name as BerthEvent['type']]}.json`;
      evolveConfiguration(configuration, read(file).event as ConfigurationEvent, {
        position: String(index),
        at: index,
      });
    }
    expect(seen(configuration)).toEqual(expected);
  });

  it('adds to an old enrollment what it could not say yet, and takes nothing away', () => {
    const { v: _v, ...before } = JSON.parse(
      readFileSync(new URL('EnrollmentCreated.v1.json', folder), 'utf8'),
    ) as Record<string, unknown>;
    expect(read('EnrollmentCreated.v1.json').event.data).toEqual({
      ...before,
      capabilities: { iotEdge: false },
      validity: { notBefore: null, notAfter: null },
      singleUse: false,
      optionalDeviceInformation: null,
    });
  });
});
