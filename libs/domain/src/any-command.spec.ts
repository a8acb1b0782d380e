import { describe, expect, it } from '@jest/globals';
import { describeWithOpenSsl, enrollmentData, enrollmentGroupData } from '@berth/testing';
import fc from 'fast-check';
import { type Attestation, type GroupAttestation, type KeptCertificate } from './attestation/attestation.js';
import { keepCertificate } from './attestation/x509/kept-certificate.js';
import * as ca from './certificate/ca-certificate.js';
import * as use from './certificate/certificate-use.js';
import { type Decision } from './decision.js';
import * as individual from './enrollment/enrollment.js';
import * as group from './enrollment-group/enrollment-group.js';
import * as hub from './hub/hub.js';
import { type Label } from './hub/label.js';
import * as imports from './import/import.js';
import { type Limit } from './limit.js';
import * as policy from './policy/allocation-policy.js';
import { type CustomAllocation } from './policy/custom-allocation.js';
import * as region from './latency/region-latencies.js';
import { emptyLedger, evolveLedger, type Ledger, type LedgerEvent } from './registration/ledger.js';
import { releaseResult } from './registration/release.js';
import { anyDevice, anyStep, founded, take } from './registration/under-test/any-history.js';
import * as masterKey from './secret/master-key-use.js';

/** A command, to be decided in whatever state its record is. */
type Command<S, E> = (state: S) => Decision<E, unknown>;

/** A kind of record with everything that may be asked of it. */
interface Kind<S, E> {
  initial: S;
  evolve(state: S, event: E): S;
  anyCommand: fc.Arbitrary<Command<S, E>>;
  /** How work that was begun goes on, which nobody asks the record about. */
  anyProgress?: fc.Arbitrary<E>;
  /** Whoever asks again takes over from who asked before, which is recorded, and nothing else comes of it. */
  isTakenOver?: true;
}

/** Mostly good, for else hardly anything would come of a wish with several parts. */
const mostly = <T>(good: fc.Arbitrary<T>, bad: fc.Arbitrary<T>) =>
  fc.oneof({ weight: 25, arbitrary: good }, { weight: 1, arbitrary: bad });
const anyName = mostly(fc.constantFrom('A', 'a', 'A', 'B-1'), fc.constantFrom('', 'a b', 'x'.repeat(300), '__proto__'));
const anyHubs = mostly(
  fc.constantFrom<string[]>([], ['hub-a'], ['HUB-A', 'hub-b']),
  fc.constantFrom<string[]>(['hub-a', 'HUB-A'], ['gone'], ['']),
);
const anyTime = mostly<string | null>(
  fc.constantFrom(null, '2026-01-01T00:00:00Z'),
  fc.constantFrom('2027-01-01T00:00:00Z', 'never'),
);
const anyIdempotency = fc.option(
  fc.record({ key: fc.constantFrom('k1', 'k2'), inputHash: fc.constantFrom('h1', 'h2') }),
);
const anyJson = mostly<unknown>(
  fc.oneof(fc.constant(null), fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 2 }))),
  fc.constant({ a: 'x'.repeat(50_000) }),
);
const surroundings = {
  linked: new Set(['hub-a', 'hub-b']),
  webhookHosts: new Set(['hooks.example.com']),
  at: Date.now() + 60_000,
};
const anyLabels = mostly(
  fc.constantFrom<Label[]>([], [{ key: 'site', value: 'paris' }], [{ key: 'site', value: 'rome' }]),
  fc.constantFrom<Label[]>(
    [{ key: '', value: 'x' }],
    [1, 2].map(() => ({ key: 'site', value: 'twice' })),
  ),
);
const anyCustom = fc.record({
  webhookUrl: mostly(
    fc.constantFrom('https://hooks.example.com/a', 'https://hooks.example.com/b?code=c'),
    fc.constantFrom('', 'https://elsewhere.example'),
  ),
  apiVersion: mostly(fc.constant('2021-10-01'), fc.constantFrom('', '2017-01-01')),
  fallback: fc.constantFrom(null, 'evenlyWeighted' as const, 'static' as const),
  deadlineMs: mostly(fc.constant(5000), fc.double()),
});
/** Mostly a webhook where one is asked, and none where none is. */
const anyPolicy = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      policy: fc.constantFrom(null, 'evenlyWeighted' as const, 'lowestLatency' as const, 'static' as const),
      custom: mostly<CustomAllocation | null>(fc.constant(null), anyCustom),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      policy: fc.constant('custom' as const),
      custom: mostly<CustomAllocation | null>(anyCustom, fc.constant(null)),
    }),
  },
);
const anyLimit = mostly<Limit>(fc.constant({ count: 0, max: 1 }), fc.constant({ count: 1, max: 1 }));
const terms = {
  hubs: anyHubs,
  require: anyLabels,
  reprovision: fc.record({ updateHubAssignment: fc.boolean(), migrateDeviceData: fc.boolean() }),
  initialTwin: anyJson,
  capabilities: fc.record({ iotEdge: fc.boolean() }),
  validity: fc.record({ notBefore: anyTime, notAfter: anyTime }),
  singleUse: fc.boolean(),
};
const individualTerms = { ...terms, deviceId: fc.option(anyName), optionalDeviceInformation: anyJson };
const anyHubCommand: fc.Arbitrary<Command<hub.Hub, hub.HubEvent>> = fc
  .tuple(
    fc.record({
      name: anyName,
      weight: fc.option(mostly(fc.integer({ min: 1, max: 4 }), fc.double()), { nil: undefined }),
      capacity: fc.option(mostly<number | null>(fc.constantFrom(null, 0, 9), fc.integer()), { nil: undefined }),
      region: fc.option(mostly(fc.constantFrom(null, 'eu'), fc.constantFrom('', 'x'.repeat(65))), { nil: undefined }),
      labels: fc.option(anyLabels, { nil: undefined }),
    }),
    fc.constantFrom('link', 'change', 'cordon', 'drain', 'uncordon', 'unlink'),
    fc.option(
      fc.record({
        ...{ policy: fc.boolean(), enrollmentCount: fc.nat(1) },
        ...{ enrollmentGroups: fc.array(anyName, { maxLength: 1 }), enrollments: fc.constant([]) },
      }),
    ),
  )
  .map(([wish, what, references]) => {
    const { name, weight = 1, capacity = null, region = null, labels } = wish;
    switch (what) {
      case 'link':
        return (state) =>
          hub.linkHub({ name, weight, capacity, region, connection: null, ...(labels && { labels }) }, state);
      case 'change':
        return (state) => hub.changeHub(wish, state);
      case 'cordon':
        return (state) => hub.cordonHub({ name }, state);
      case 'drain':
        return (state) => hub.drainHub({ name }, state);
      case 'uncordon':
        return (state) => hub.uncordonHub({ name }, state);
      default:
        return (state) => hub.unlinkHub({ name, references }, state);
    }
  });
const anyPolicyCommand: fc.Arbitrary<Command<policy.AllocationPolicy, policy.PolicyEvent>> = fc
  .oneof(
    fc.constantFrom({ kind: 'evenlyWeighted' as const }, { kind: 'lowestLatency' as const }),
    anyHubs.map((hubs) => ({ kind: 'static' as const, hubs })),
    anyCustom.map((custom) => ({ kind: 'custom' as const, custom })),
  )
  .map((wish) => (state) => policy.choosePolicy({ policy: wish }, state, surroundings));
const anyRegionCommand: fc.Arbitrary<Command<region.RegionLatencies, region.RegionLatenciesSet>> = fc
  .record({
    region: mostly(fc.constantFrom('eu', 'EU'), fc.constantFrom('', ' eu', 'x'.repeat(129))),
    hubs: anyHubs,
    ms: mostly(fc.constantFrom(0, 12.5, 90), fc.double()),
    limit: anyLimit,
  })
  .map(({ region: name, hubs, ms, limit }) => {
    const latencies = hubs.map((hub) => ({ hub, ms }));
    const { linked } = surroundings;
    return (state) => region.setRegionLatencies({ region: name, latencies }, state, { linked, limit });
  });
const anyUseCommand: fc.Arbitrary<Command<use.CertificateUse, use.CertificateUseEvent>> = fc
  .record({
    what: fc.constantFrom('reserve', 'release', 'takeOver'),
    holder: anyHolder(),
    from: anyHolder(),
    caCertificate: fc.option(anyName),
  })
  .map(({ what, holder, from, caCertificate }) => {
    const wish = { thumbprint: 'aa', holder, caCertificate };
    if (what === 'reserve') return (state) => use.reserveCertificate(wish, state);
    if (what === 'release') return (state) => use.releaseCertificate(wish, state);
    return (state) => use.takeOverCertificate({ ...wish, from }, state);
  });

const anyMode = fc.constantFrom(...imports.importModes);
const anyImportCommand: fc.Arbitrary<Command<imports.Import, imports.ImportEvent>> = fc
  .record({ name: anyName, mode: anyMode, offset: fc.constantFrom(null, null, 0, 90) })
  .map((wish) => (state) => imports.beginImport(wish, state));
const anyImportProgress: fc.Arbitrary<imports.ImportEvent> = fc
  .record({
    type: fc.constantFrom('ImportAdvanced' as const, 'ImportInterrupted' as const, 'ImportCompleted' as const),
    ...{ mode: anyMode, rows: fc.constantFrom(0, 9) },
  })
  .map(({ type, mode, rows }) => {
    const counts = { created: rows, changed: 0, unchanged: 0, refused: 0, lastRow: rows ? '0123abcd' : null };
    const data = { name: 'A', mode, rows, bytes: 10 * rows, ...counts };
    if (type === 'ImportAdvanced') return { type, v: 1, data: { ...data, errors: [] } };
    if (type === 'ImportInterrupted') return { type, v: 1, data: { ...data, reason: 'the upload broke off' } };
    return { type, v: 1, data };
  });
const anyKeyId = fc.constantFrom('a', 'b', 'c');
const anyMasterKeyCommand: fc.Arbitrary<Command<masterKey.MasterKeyUse, masterKey.MasterKeyEvent>> = fc
  .record({ isRotation: fc.boolean(), current: anyKeyId, former: fc.uniqueArray(anyKeyId, { maxLength: 1 }) })
  .map(({ isRotation, ...ring }) =>
    isRotation ? (state) => masterKey.beginRotation(ring, state) : (state) => masterKey.adoptMasterKey(ring, state),
  );
const anyMasterKeyProgress: fc.Arbitrary<masterKey.MasterKeyEvent> = fc
  .record({
    type: fc.constantFrom('MasterKeyRotationAdvanced' as const, 'MasterKeyRotated' as const),
    data: fc.record({ position: fc.constantFrom(null, '7'), rewrapped: fc.nat(9), unopenable: fc.nat(1) }),
  })
  .map((event) => ({ v: 1, ...event }));

function anyHolder(): fc.Arbitrary<use.CertificateHolder> {
  return fc.record({
    type: fc.constantFrom('enrollment' as const, 'enrollmentGroup' as const, 'caCertificate' as const),
    name: anyName,
  });
}

describeWithOpenSsl('whatever is asked of a record, in any order', (openssl) => {
  const root = openssl.root('Works');
  const kept = (base64: string) => keepCertificate(base64) as KeptCertificate;
  const [own, other] = [kept(openssl.leaf('A', root).base64), kept(openssl.leaf('a', root).base64)];
  const authorities = [kept(root.base64), kept(openssl.ca('Line', root).base64), own];
  const sealed = fc.constantFrom('k1', 'k2').map((keyId) => ({ keyId, nonce: 'bm9uY2U=', ciphertext: 'c2VhbGVk' }));
  const keys = fc.record({ type: fc.constant('symmetricKey' as const), primary: sealed, secondary: sealed });
  const pairOf = <T, K extends string>(type: K, any: fc.Arbitrary<T>) =>
    fc.record({ type: fc.constant(type), primary: fc.option(any), secondary: fc.option(any) });
  const anyLeaf = mostly(fc.constantFrom(own, other), fc.constant(authorities[0]!));
  const anyCa = mostly(fc.constantFrom(...authorities.slice(0, 2)), fc.constant(own));
  const anyReference = fc.record({ name: fc.constantFrom('Works', 'Line'), thumbprint: fc.constantFrom('aa', 'bb') });
  const anySlot = fc.constantFrom('primary' as const, 'secondary' as const);
  const anyTpmKey = mostly(fc.constantFrom('QUJD', 'REVG'), fc.constantFrom('', '***', 'A'.repeat(3000)));
  const anyAttestation: fc.Arbitrary<Attestation> = fc.oneof(
    keys,
    pairOf('x509', anyLeaf),
    fc.record({
      ...{ type: fc.constant('tpm' as const), endorsementKey: anyTpmKey },
      storageRootKey: fc.option(anyTpmKey),
    }),
    fc.record({
      type: fc.constant('gateway' as const),
      sources: mostly<string[]>(fc.constantFrom(['/a'], ['/a', '/b']), fc.constantFrom([], [''])),
    }),
  );
  const anyGroupAttestation: fc.Arbitrary<GroupAttestation> = fc.oneof(
    keys,
    pairOf('x509', anyCa),
    pairOf('caReference', anyReference),
  );

  const anyEnrollmentCommand: fc.Arbitrary<Command<individual.Enrollment, individual.EnrollmentEvent>> = fc
    .record({
      what: fc.constantFrom('create', 'create', 'change', 'replace', 'certificate', 'delete'),
      ...{ registrationId: anyName, attestation: anyAttestation, idempotency: anyIdempotency },
      ...{ slot: anySlot, certificate: fc.option(anyLeaf), enabled: fc.option(fc.boolean(), { nil: undefined }) },
      ...{ whole: fc.record(individualTerms), chosen: anyPolicy },
      changed: fc.tuple(fc.record(individualTerms, { requiredKeys: [] }), fc.option(anyPolicy)),
    })
    .map(({ what, registrationId, attestation, idempotency, slot, certificate, enabled, whole, chosen, changed }) => {
      switch (what) {
        case 'create': {
          const data = enrollmentData(registrationId, '/a', { ...whole, ...chosen, attestation, idempotency });
          return (state) => individual.createEnrollment(data, state, surroundings);
        }
        case 'change':
          return (state) =>
            individual.changeEnrollment({ registrationId, terms: merged(changed), enabled }, state, surroundings);
        case 'replace':
          return (state) => individual.replaceAttestation({ registrationId, attestation }, state, surroundings);
        case 'certificate':
          return (state) => individual.replaceCertificate({ registrationId, slot, certificate }, state, surroundings);
        default:
          return (state) => individual.deleteEnrollment({ registrationId }, state);
      }
    });
  const anyGroupCommand: fc.Arbitrary<Command<group.EnrollmentGroup, group.EnrollmentGroupEvent>> = fc
    .record({
      what: fc.constantFrom('create', 'create', 'change', 'replace', 'certificate', 'delete'),
      ...{ name: anyName, attestation: anyGroupAttestation, idempotency: anyIdempotency, limit: anyLimit },
      ...{ slot: anySlot, enabled: fc.option(fc.boolean(), { nil: undefined }) },
      certificate: fc.option(fc.oneof(anyCa, anyReference)),
      ...{ whole: fc.record(terms), chosen: anyPolicy },
      changed: fc.tuple(fc.record(terms, { requiredKeys: [] }), fc.option(anyPolicy)),
    })
    .map(({ what, name, attestation, idempotency, limit, slot, certificate, enabled, whole, chosen, changed }) => {
      switch (what) {
        case 'create': {
          const data = enrollmentGroupData(name, { ...whole, ...chosen, attestation, idempotency });
          return (state) => group.createEnrollmentGroup(data, state, { ...surroundings, limit });
        }
        case 'change':
          return (state) => group.changeEnrollmentGroup({ name, terms: merged(changed), enabled }, state, surroundings);
        case 'replace':
          return (state) => group.replaceGroupAttestation({ name, attestation }, state, surroundings);
        case 'certificate':
          return (state) => group.replaceGroupCertificate({ name, slot, certificate }, state, surroundings);
        default:
          return (state) => group.deleteEnrollmentGroup({ name }, state);
      }
    });
  const proofs = ['c1', 'c2'].map((code) => openssl.leaf(code, root).base64);
  const anyCaCommand: fc.Arbitrary<Command<ca.CaCertificate, ca.CaCertificateEvent>> = fc
    .record({
      what: fc.constantFrom('upload', 'begin', 'verify', 'delete'),
      ...{ name: anyName, certificate: anyCa, verified: fc.boolean(), limit: anyLimit },
      ...{ code: fc.constantFrom('c1', 'c2'), proof: fc.constantFrom(null, 'rubbish', ...proofs) },
    })
    .map(({ what, name, certificate, verified, limit, code, proof }) => {
      const { at } = surroundings;
      switch (what) {
        case 'upload':
          return (state) => ca.uploadCaCertificate({ name, ...certificate, verified, at, limit }, state);
        case 'begin':
          return (state) => ca.beginVerification({ name, code }, state);
        case 'verify':
          return (state) => ca.verifyCaCertificate({ name, proof, at }, state);
        default:
          return (state) => ca.deleteCaCertificate({ name }, state);
      }
    });

  const kindsWithHistory: [string, Kind<never, never>][] = [
    kind('hub', { initial: hub.noHub, evolve: hub.evolveHub, anyCommand: anyHubCommand }),
    kind('enrollment', {
      ...{ initial: individual.noEnrollment, evolve: individual.evolveEnrollment },
      anyCommand: anyEnrollmentCommand,
    }),
    kind('group', {
      ...{ initial: group.noEnrollmentGroup, evolve: group.evolveEnrollmentGroup },
      anyCommand: anyGroupCommand,
    }),
    kind('CA certificate', {
      ...{ initial: ca.noCaCertificate, evolve: ca.evolveCaCertificate },
      anyCommand: anyCaCommand,
    }),
    kind('import', {
      ...{ initial: imports.noImport, evolve: imports.evolveImport, isTakenOver: true },
      ...{ anyCommand: anyImportCommand, anyProgress: anyImportProgress },
    }),
    kind('master key', {
      ...{ initial: masterKey.noMasterKeyUse, evolve: masterKey.evolveMasterKeyUse },
      ...{ anyCommand: anyMasterKeyCommand, anyProgress: anyMasterKeyProgress },
    }),
  ];

  it.each([
    ...kindsWithHistory,
    kind('policy', { initial: policy.initialPolicy, evolve: policy.evolvePolicy, anyCommand: anyPolicyCommand }),
    kind('region', {
      ...{ initial: region.noRegionLatencies, evolve: region.evolveRegionLatencies },
      anyCommand: anyRegionCommand,
    }),
    kind('certificate use', {
      ...{ initial: use.unusedCertificate, evolve: use.evolveCertificateUse },
      anyCommand: anyUseCommand,
    }),
  ])('nothing is thrown, and the same wish twice gives no events: %s', (_name, { initial, evolve, ...kind }) => {
    let accepted = 0;
    let refused = 0;
    fc.assert(
      fc.property(anyStepsOf(kind), (steps) => {
        let state: never = initial;
        for (const step of steps) {
          if (typeof step !== 'function') {
            state = evolve(state, step);
            continue;
          }
          const decision = step(state);
          if (!decision.ok) {
            refused += 1;
            continue;
          }
          accepted += decision.events.length;
          for (const event of decision.events) state = evolve(state, event);
          const again = step(state);
          const events = again.ok ? again.events : [];
          if (kind.isTakenOver) expect(events.reduce(evolve, state)).toEqual(state);
          else expect(events).toEqual([]);
        }
      }),
      { numRuns: 300 },
    );
    // A history in which everything is refused, or nothing, would show nothing.
    expect(accepted).toBeGreaterThan(100);
    expect(refused).toBeGreaterThan(100);
  });

  it.each(kindsWithHistory)(
    'events fold in any order, for history is not refused: %s',
    (_name, { initial, evolve, ...kind }) => {
      fc.assert(
        fc.property(anyStepsOf(kind), fc.infiniteStream(fc.nat()), (steps, order) => {
          const events: never[] = [];
          let state: never = initial;
          for (const step of steps) {
            const decision = typeof step === 'function' ? step(state) : { ok: true as const, events: [step] };
            for (const event of decision.ok ? decision.events : []) {
              events.push(event);
              state = evolve(state, event);
            }
          }
          const shuffled = [...events].sort(() => ((order.next().value as number) % 3) - 1);
          expect(() => shuffled.reduce(evolve, initial)).not.toThrow();
          expect(events.reduce(evolve, initial)).toEqual(state);
        }),
      );
    },
  );
});

describe('a release, among registrations in any order', () => {
  const anyRelease = fc.record({ release: anyDevice, requestId: fc.constantFrom('r1', 'r2') });
  const known = ({ devices, loads }: Ledger) => ({ devices: [...devices], loads: [...loads] });

  it('throws nothing, takes the device off its hub, and changes nothing when the same wish comes again', () => {
    const cameTo = new Map<string, number>();
    fc.assert(
      fc.property(fc.array(fc.oneof(anyStep, anyRelease), { maxLength: 40, size: 'max' }), (steps) => {
        const world = founded();
        for (const step of steps) {
          if (!('release' in step)) {
            take(world, step);
            continue;
          }
          const { release: id, requestId } = step;
          const hub = world.ledger.devices.get(id)?.assigned?.hub;
          const load = hub && world.load(hub);
          const event = world.release(id, requestId);
          cameTo.set(event.type, (cameTo.get(event.type) ?? 0) + 1);
          expect(world.ledger.devices.get(id)?.assigned ?? null).toBeNull();
          if (hub) expect(world.load(hub)).toBe(Number(load) - 1);
          const before = known(world.ledger);
          expect(releaseResult(world.release(id, requestId))).toEqual(releaseResult(event));
          expect(known(world.ledger)).toEqual(before);
        }
        const folded = emptyLedger(0);
        for (const [revision, event] of world.recorded.entries()) {
          const stored = JSON.parse(JSON.stringify(event)) as LedgerEvent;
          evolveLedger(folded, stored, { revision, position: String(1000 + revision) });
        }
        expect(known(folded)).toEqual(known(world.ledger));
      }),
    );
    expect(Math.min(...cameTo.values())).toBeGreaterThan(50);
    expect([...cameTo.keys()].sort()).toEqual(['RegistrationReleased', 'ReleaseRefused']);
  });
});

const merged = <T extends object, C extends object>([terms, chosen]: [T, C | null]) => ({ ...terms, ...chosen });

function anyStepsOf<S, E>({ anyCommand, anyProgress }: Pick<Kind<S, E>, 'anyCommand' | 'anyProgress'>) {
  const anyStep = anyProgress ? fc.oneof({ weight: 2, arbitrary: anyCommand }, anyProgress) : anyCommand;
  return fc.array<Command<S, E> | E>(anyStep, { maxLength: 20 });
}

/** For a table whose rows have types of their own. */
function kind<S, E>(name: string, record: Kind<S, E>): [string, Kind<never, never>] {
  return [name, record as unknown as Kind<never, never>];
}
