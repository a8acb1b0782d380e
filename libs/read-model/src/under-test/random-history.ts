import { type Outcome, type RecordedLatency, type WebhookAnswer } from '@berth/domain';
import { assigned, confirmed, disabled, History, reassigned, refused, unproven } from './histories.js';

const groupNames = ['Line-7', 'line-7', 'hall-2'];
const hubNames = ['hub-a', 'Hub-B', 'hub-c', 'hub-d'];
const labels = [
  { key: 'site', value: 'paris' },
  { key: 'tier', value: 'gold' },
];
const labelSets = [[], labels.slice(0, 1), labels];
const deviceCount = 12;
const pageMax = 6;

const sealed = { keyId: 'k', nonce: 'n', ciphertext: 'c' };
const keys = { type: 'symmetricKey' as const, primary: sealed, secondary: sealed };
const plainTerms = {
  policy: null,
  reprovision: { updateHubAssignment: true, migrateDeviceData: true },
  initialTwin: null,
  capabilities: { iotEdge: false },
  validity: { notBefore: null, notAfter: null },
  singleUse: false,
  optionalDeviceInformation: null,
  idempotency: null,
};

/** A history in which anything happens that can, decided by the numbers given; the same numbers give the same one. */
export function historyOf(choices: Iterable<number>): History {
  return new RandomHistory(choices[Symbol.iterator]()).run();
}

/** Numbers without a pattern that shows, the same on any machine (the generator of POSIX `rand_r`'s family). */
export function* numbersFrom(seed: number, count: number): Iterable<number> {
  let state = seed;
  for (let index = 0; index < count; index += 1) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fff_ffff;
    yield state >>> 8;
  }
}

class RandomHistory {
  private readonly history = new History();
  private readonly hubOf = new Map<string, string>();
  private readonly linked = new Set<string>();
  private hasEnded = false;
  private minute = 0;

  constructor(private readonly choices: Iterator<number>) {}

  run(): History {
    while (!this.hasEnded) {
      this.minute += 1;
      const kind = this.choose(14);
      if (kind === 0) this.changeHub();
      else if (kind === 10) this.release();
      else if (kind === 11) this.setRegion();
      else if (kind === 13) this.importRows();
      else if (kind === 1) this.choosePolicy();
      else if (kind <= 4) this.changeEnrollment();
      else if (kind === 5) this.changeGroup();
      else if (kind === 6) this.changeCaCertificate();
      else this.decidePage();
    }
    return this.history;
  }

  private choose(below: number): number {
    const { value, done } = this.choices.next();
    if (done) this.hasEnded = true;
    return done ? 0 : value % below;
  }

  private pick<T>(values: readonly T[]): T {
    return values[this.choose(values.length)] as T;
  }

  private get at(): string {
    return new Date(Date.UTC(2026, 0, 1) + this.minute * 60_000).toISOString();
  }

  private changeHub(): void {
    const name = this.pick(hubNames);
    const stream = `hub-${name.toLowerCase()}`;
    const record = (event: Parameters<History['record']>[1]) => this.history.record(stream, event, this.at);
    if (!this.linked.has(name)) {
      this.linked.add(name);
      const data = {
        name,
        weight: 1 + this.choose(5),
        capacity: this.pick([null, 0, 10]),
        region: null,
        connection: null,
        ...(this.choose(2) === 0 && { labels: this.pick(labelSets) }),
      };
      record({ type: 'HubLinked', v: 1, data });
      return;
    }
    const change = this.choose(8);
    if (change === 0) record({ type: 'HubWeightChanged', v: 1, data: { name, weight: 1 + this.choose(9) } });
    if (change === 1) record({ type: 'HubCapacityChanged', v: 1, data: { name, capacity: this.pick([null, 7]) } });
    if (change === 2) record({ type: 'HubRegionChanged', v: 1, data: { name, region: this.pick([null, 'eu']) } });
    if (change === 3) record({ type: 'HubCordoned', v: 1, data: { name } });
    if (change === 4) record({ type: 'HubUncordoned', v: 1, data: { name } });
    if (change === 5) record({ type: 'HubDrainBegun', v: 1, data: { name } });
    if (change === 6) record({ type: 'HubLabelsChanged', v: 1, data: { name, labels: this.pick(labelSets) } });
    if (change < 7) return;
    this.linked.delete(name);
    record({ type: 'HubUnlinked', v: 1, data: { name } });
  }

  private setRegion(): void {
    const region = this.pick(['eu', 'EU', 'us']);
    const latencies = hubNames.filter(() => this.choose(2) === 0).map((hub) => ({ hub, ms: this.choose(90) }));
    const event = { type: 'RegionLatenciesSet', v: 1, data: { region, latencies } } as const;
    this.history.record(`regionLatencies-${region.toLowerCase()}`, event, this.at);
  }

  private importRows(): void {
    const name = this.pick(['load', 'Load', 'other']);
    const rows = this.choose(1000);
    const counts = { rows, bytes: 100 * rows, created: rows, changed: 0, unchanged: 0, refused: 0, lastRow: null };
    const progress = { name, mode: 'create', ...counts } as const;
    const type = this.pick([
      'ImportBegun',
      'ImportResumed',
      'ImportAdvanced',
      'ImportInterrupted',
      'ImportCompleted',
    ] as const);
    const record = (event: Parameters<History['record']>[1]) =>
      this.history.record(`import-${name.toLowerCase()}`, event, this.at);
    if (type === 'ImportAdvanced') record({ type, v: 1, data: { ...progress, errors: [] } });
    else if (type === 'ImportInterrupted')
      record({ type, v: 1, data: { ...progress, reason: 'the upload broke off' } });
    else record({ type, v: 1, data: progress });
  }

  private choosePolicy(): void {
    const policy = this.pick([{ kind: 'evenlyWeighted' }, { kind: 'static', hubs: ['hub-a'] }] as const);
    this.history.record('policy-default', { type: 'AllocationPolicyChosen', v: 1, data: { policy } }, this.at);
  }

  /** Also changes what isn't there, as only a stream from elsewhere would: a fold must take any history. */
  private changeEnrollment(): void {
    const registrationId = this.device();
    const stream = `enrollment-${registrationId.toLowerCase()}`;
    const type = this.pick([
      'EnrollmentCreated',
      'EnrollmentCreated',
      'EnrollmentTermsChanged',
      'EnrollmentAttestationReplaced',
      'EnrollmentEnabled',
      'EnrollmentDisabled',
      'EnrollmentDeleted',
    ] as const);
    const attestation = { type: 'gateway' as const, sources: [this.pick(['//gateway', '//other'])] };
    const terms = {
      deviceId: this.pick([null, 'a-device']),
      policy: this.pick([null, 'static' as const]),
      hubs: this.pick([['hub-a'], ['hub-a', 'hub-b']]),
      initialTwin: this.pick([null, { tags: { place: 'Köln' } }]),
      singleUse: this.choose(2) === 0,
      ...(this.choose(2) === 0 && { require: this.pick(labelSets) }),
    };
    const record = (event: Parameters<History['record']>[1]) => this.history.record(stream, event, this.at);
    if (type === 'EnrollmentCreated') {
      const enabled = this.choose(2) === 0;
      record({ type, v: 2, data: { registrationId, ...plainTerms, ...terms, attestation, enabled } });
    } else if (type === 'EnrollmentTermsChanged') {
      record({ type, v: 1, data: { registrationId, changed: terms } });
    } else if (type === 'EnrollmentAttestationReplaced') {
      record({ type, v: 1, data: { registrationId, attestation } });
    } else {
      record({ type, v: 1, data: { registrationId } });
    }
  }

  private changeGroup(): void {
    const name = this.pick(groupNames);
    const stream = `enrollmentGroup-${name.toLowerCase()}`;
    const type = this.pick([
      'EnrollmentGroupCreated',
      'EnrollmentGroupCreated',
      'EnrollmentGroupTermsChanged',
      'EnrollmentGroupAttestationReplaced',
      'EnrollmentGroupEnabled',
      'EnrollmentGroupDisabled',
      'EnrollmentGroupDeleted',
    ] as const);
    const hubs = this.pick([[], ['hub-a'], ['hub-b']]);
    const primary = { name: 'works', thumbprint: this.pick(['aa', 'bb']) };
    const attestation = { type: 'caReference' as const, primary, secondary: null };
    const record = (event: Parameters<History['record']>[1]) => this.history.record(stream, event, this.at);
    if (type === 'EnrollmentGroupCreated') {
      record({
        type,
        v: 1,
        data: { ...plainTerms, name, hubs, attestation: this.pick([attestation, keys]), enabled: true },
      });
    } else if (type === 'EnrollmentGroupTermsChanged') {
      record({ type, v: 1, data: { name, changed: { hubs } } });
    } else if (type === 'EnrollmentGroupAttestationReplaced') {
      record({ type, v: 1, data: { name, attestation } });
    } else {
      record({ type, v: 1, data: { name } });
    }
  }

  private changeCaCertificate(): void {
    const name = this.pick(groupNames);
    const type = this.pick([
      'CaCertificateUploaded',
      'CaCertificateUploaded',
      'CaCertificateVerificationBegun',
      'CaCertificateVerified',
      'CaCertificateDeleted',
    ] as const);
    const stream = `caCertificate-${name.toLowerCase()}`;
    const record = (event: Parameters<History['record']>[1]) => this.history.record(stream, event, this.at);
    if (type === 'CaCertificateUploaded') {
      record({ type, v: 1, data: { name, certificate: 'AAAA', thumbprint: 'aa', verified: this.choose(2) === 0 } });
    } else if (type === 'CaCertificateVerificationBegun') {
      record({ type, v: 1, data: { name, code: `code-${this.choose(9)}` } });
    } else if (type === 'CaCertificateVerified') {
      record({ type, v: 1, data: { name, by: this.pick(['operator', 'proofOfPossession'] as const) } });
    } else {
      record({ type, v: 1, data: { name } });
    }
  }

  private decidePage(): void {
    const outcomes = Array.from({ length: 1 + this.choose(pageMax) }, () => this.outcome());
    const isShared = this.choose(2) === 0;
    const isLeased = this.choose(2) === 0;
    const requires = this.choose(2) === 0;
    const hubs = hubNames.map((name) => {
      const capacity = this.pick([null, 5]);
      return {
        name,
        state: this.pick(['open', 'cordoned', 'draining'] as const),
        weight: 1 + this.choose(3),
        capacity,
        load: this.choose(8),
        ...(this.choose(3) === 0 && { warmth: 100 + this.choose(900) }),
        ...(isShared && { pass: this.choose(5000) }),
        ...(isLeased && capacity !== null && { places: this.pick([null, 0, 1, 2]) }),
        ...(requires && this.choose(3) > 0 && { labels: this.pick([[0], [1], [0, 1]]) }),
      };
    });
    const require = requires && { require: labels };
    const rules = [
      { policy: 'evenlyWeighted', source: 'default', hubs: null, ...require, updateHubAssignment: true },
      { policy: 'static', source: 'enrollment', hubs: ['hub-c', 'hub-x'], updateHubAssignment: false },
      { policy: 'lowestLatency', source: 'default', hubs: null, ...require, updateHubAssignment: true },
      {
        ...({ policy: 'custom', source: 'enrollment', hubs: null, ...require, updateHubAssignment: true } as const),
        custom: { webhookUrl: 'https://hooks.example.com/?***', fallback: this.pick([null, 'lowestLatency' as const]) },
      },
    ] as const;
    const latencyTables = [0, 1].map(() => this.latencies(() => this.pick(['gateway', 'region'] as const)));
    const page = outcomes.map((outcome) => {
      if (outcome.rule === null) return outcome;
      const rule = this.choose(4);
      const webhook = rule === 3 && { webhook: this.webhookAnswer() };
      if (outcome.type === 'RegistrationRejected' || rule < 2) return { ...outcome, rule, ...webhook };
      const latencies = this.latencies(() => undefined);
      const latencyTable = this.choose(3);
      const byTable = latencyTable < latencyTables.length && { latencyTable };
      return { ...outcome, rule, ...webhook, ...(latencies.length > 0 && { latencies }), ...byTable };
    });
    const turns = isShared && { turns: { epoch: 1, unit: 512 } };
    const policy = this.pick(['evenlyWeighted', 'static'] as const);
    this.history.decide(page, { at: this.at, hubs, ...turns, rules, latencyTables, policy });
  }

  /** Of some hubs. */
  private latencies(from: () => RecordedLatency[2]): RecordedLatency[] {
    return hubNames.flatMap((name) => {
      if (this.choose(3) === 0) return [];
      const us = 10 * this.choose(90_000);
      const said = from();
      return [said === undefined ? [name.toLowerCase(), us] : [name.toLowerCase(), us, said]];
    });
  }

  private webhookAnswer(): WebhookAnswer {
    if (this.choose(4) === 0) return { fault: 'answered 500' };
    const hub = this.pick([...hubNames, 'hub-x']);
    return this.choose(2) === 0 ? { hub } : { hub, payload: { n: this.choose(9) }, initialTwin: { tags: {} } };
  }

  /** Of any device, also of one that has no record; now and then it is said twice. */
  private release(): void {
    const id = this.device();
    const hub = this.hubOf.get(id.toLowerCase()) ?? null;
    this.hubOf.delete(id.toLowerCase());
    this.history.release(id, hub, { at: this.at });
    if (this.choose(3) === 0) this.history.release(id, hub, { at: this.at, repeats: 0 });
  }

  private outcome(): Outcome {
    const id = this.device();
    const present = this.hubOf.get(id.toLowerCase());
    const kind = this.choose(6);
    if (kind === 0) return refused(id);
    if (kind === 1) return disabled(id);
    if (kind === 2) return unproven(id, this.pick([id, null]));
    if (present === undefined) {
      const hub = this.pick(hubNames);
      this.hubOf.set(id.toLowerCase(), hub);
      return assigned(id, hub, this.pick([null, 'Line-7', 'hall-2']));
    }
    if (kind === 3) return confirmed(id, present, this.pick([null, 'Line-7', 'hall-2']));
    const hub = this.pick(hubNames.filter((name) => name !== present));
    this.hubOf.set(id.toLowerCase(), hub);
    return reassigned(id, present, hub, this.choose(2) === 0);
  }

  /** In any spelling: ids are matched without regard to case. */
  private device(): string {
    const number = this.choose(deviceCount);
    return this.choose(3) === 0 ? `DEV-${number}` : `dev-${number}`;
  }
}
