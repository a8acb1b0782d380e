import {
  type AllocationPolicy,
  changeEnrollment,
  changeHub,
  choosePolicy,
  cordonHub,
  createEnrollment,
  type Decision,
  deleteEnrollment,
  drainHub,
  type Enrollment,
  type EnrollmentData,
  evolveEnrollment,
  evolveHub,
  evolvePolicy,
  evolveRegionLatencies,
  type Hub,
  hubKey,
  type IndividualTerms,
  initialPolicy,
  linkHub,
  noEnrollment,
  noHub,
  noRegionLatencies,
  regionsMax,
  setRegionLatencies,
  type Surroundings,
  uncordonHub,
  unlinkHub,
  type Validity,
} from '@berth/domain';
import { type BerthEvent, noStream, RevisionConflict, streams, StoreUnavailable } from '@berth/event-store';
import { deviceId, trustedSource } from './gateway.js';
import { SimulatedProcess } from './scheduler.js';
import { type SimulatedStoreClient } from './simulated-store.js';
import { type World } from './world.js';

/** Longest hub name that the domain takes is 253 characters. */
const longHubNameLength = 250;

/** Gives the commands of an internal tool, one after another, through the domain's own decisions. */
export class Operator {
  /** Position of the newest command acknowledged; null before the first. */
  newest: bigint | null = null;
  private readonly store: SimulatedStoreClient;
  private isBusy = false;

  constructor(private readonly world: World) {
    this.store = world.store.connect(new SimulatedProcess('operator'));
  }

  /** What is there before anything goes wrong: some hubs, most devices. */
  async begin(): Promise<void> {
    const { plan, random, terrain } = this.world;
    for (let hub = 1; hub <= plan.hubs; hub += 1) if (random.chance(0.8)) await this.link(hub);
    for (let device = 1; device <= plan.devices; device += 1) if (random.chance(0.8)) await this.enroll(device);
    if (terrain.isVaried && terrain.chance(0.5)) await this.chooseNearest();
  }

  /** Does one thing, at random; nothing while the one before is still under way. */
  async act(): Promise<void> {
    if (this.isBusy) return;
    this.isBusy = true;
    await this.actOnce();
    this.isBusy = false;
    // Who has just enrolled a device lets it register at once.
    if (this.world.random.chance(0.3)) void this.world.gateway.receive();
  }

  private async actOnce(): Promise<void> {
    const { plan, random, terrain } = this.world;
    const number = random.whole(1, plan.hubs);
    const name = this.hubName(number);
    const registrationId = deviceId(random.whole(1, plan.devices), plan.isLongWinded);
    const hub = (decide: (hub: Hub) => Decision<BerthEvent, unknown>) =>
      this.transact(streams.hub(name), noHub as Hub, evolveHub, decide);
    const enrollment = (decide: (enrollment: Enrollment) => Decision<BerthEvent, unknown>) =>
      this.transact(streams.enrollment(registrationId), noEnrollment as Enrollment, evolveEnrollment, decide);
    await random.pick([
      () => this.link(number),
      () => hub((state) => unlinkHub({ name, references: null }, state)),
      () => hub((state) => cordonHub({ name }, state)),
      () => hub((state) => drainHub({ name }, state)),
      () => hub((state) => uncordonHub({ name }, state)),
      () => hub((state) => changeHub({ name, weight: random.whole(1, 5) }, state)),
      () => hub((state) => changeHub({ name, capacity: this.capacity() }, state)),
      () => this.choosePolicy(),
      () => this.enroll(random.whole(1, plan.devices)),
      () =>
        enrollment((state) =>
          changeEnrollment({ registrationId, enabled: random.chance(0.5), terms: this.changedTerms() }, state, {
            ...this.surroundings(),
          }),
        ),
      () => enrollment((state) => deleteEnrollment({ registrationId }, state)),
      ...(terrain.isVaried
        ? [
            () => hub((state) => changeHub({ name, labels: terrain.anyLabels() }, state)),
            () => this.chooseNearest(),
            () => this.surveyRegion(),
          ]
        : []),
    ])();
  }

  private link(number: number): Promise<void> {
    const name = this.hubName(number);
    const labels = this.world.terrain.labels();
    const link = {
      name,
      ...(labels && { labels }),
      weight: this.world.random.whole(1, 3),
      capacity: this.capacity(),
      region: null,
      connection: null,
    };
    return this.transact(streams.hub(name), noHub as Hub, evolveHub, (hub) => linkHub(link, hub));
  }

  private enroll(device: number): Promise<void> {
    const { plan, random, terrain } = this.world;
    const registrationId = deviceId(device, plan.isLongWinded);
    const hubs = random.chance(0.3) ? this.someHubs() : [];
    const policies = [null, null, 'evenlyWeighted', 'lowestLatency', hubs.length > 0 ? 'static' : null] as const;
    const policy = random.pick(policies);
    const custom = this.world.webhooks.draw(hubs.length > 0);
    const require = terrain.labels();
    const data: EnrollmentData = {
      registrationId,
      deviceId: random.chance(0.2) ? `known-as-${device}` : null,
      attestation: { type: 'gateway', sources: [trustedSource] },
      policy,
      ...(custom && { policy: 'custom', custom }),
      hubs,
      ...(require && { require }),
      reprovision: { updateHubAssignment: random.chance(0.8), migrateDeviceData: random.chance(0.5) },
      initialTwin: null,
      capabilities: { iotEdge: false },
      validity: this.validity(),
      singleUse: random.chance(0.1),
      optionalDeviceInformation: null,
      enabled: random.chance(0.9),
      idempotency: null,
    };
    return this.transact(
      streams.enrollment(registrationId),
      noEnrollment as Enrollment,
      evolveEnrollment,
      (enrollment) =>
        createEnrollment(data, enrollment, {
          ...this.surroundings(),
          at: this.world.scheduler.now,
        }),
    );
  }

  private changedTerms(): Partial<IndividualTerms> {
    const { random, terrain } = this.world;
    return random.pick([
      {},
      { hubs: this.someHubs() },
      ...(terrain.isVaried ? [{ require: terrain.anyLabels() }] : []),
      { singleUse: random.chance(0.5) },
      { validity: this.validity() },
    ]);
  }

  /** Mostly unbounded; else it begins or ends within the world's time. */
  private validity(): Validity {
    const { random, scheduler } = this.world;
    const soon = new Date(scheduler.now + random.whole(0, 60_000)).toISOString();
    const unbounded = { notBefore: null, notAfter: null };
    return random.pick([
      unbounded,
      unbounded,
      unbounded,
      { ...unbounded, notBefore: soon },
      { ...unbounded, notAfter: soon },
    ]);
  }

  private choosePolicy(): Promise<void> {
    const { random } = this.world;
    const builtIn = random.pick([
      { kind: 'evenlyWeighted' },
      { kind: 'lowestLatency' },
      { kind: 'static', hubs: this.someHubs() },
    ] as const);
    const custom = this.world.webhooks.draw(false);
    return this.choose(custom ? { kind: 'custom', custom } : builtIn);
  }

  private chooseNearest(): Promise<void> {
    return this.choose({ kind: 'lowestLatency' });
  }

  private choose(policy: AllocationPolicy): Promise<void> {
    return this.transact(streams.policy, initialPolicy, evolvePolicy, (state) =>
      choosePolicy({ policy }, state, this.surroundings()),
    );
  }

  private surveyRegion(): Promise<void> {
    const { terrain } = this.world;
    const region = terrain.anyRegion();
    const latencies = terrain.known(this.hubNames);
    const surroundings = { linked: this.everyHub(), limit: { count: 0, max: regionsMax } };
    return this.transact(streams.regionLatencies(region), noRegionLatencies, evolveRegionLatencies, (before) =>
      setRegionLatencies({ region, latencies }, before, surroundings),
    );
  }

  private surroundings(): Pick<Surroundings, 'linked' | 'webhookHosts'> {
    return { linked: this.everyHub(), webhookHosts: this.world.webhooks.hosts };
  }

  /** Hubs may be named before they are linked and after: what a decision makes of that is looked at, too. */
  private everyHub(): Set<string> {
    return new Set(this.hubNames.map(hubKey));
  }

  private someHubs(): string[] {
    const { random } = this.world;
    const all = this.hubNames;
    return random.shuffled(all).slice(0, random.whole(1, all.length));
  }

  /** What a gateway may have measured of hubs, linked or not. */
  latencies(): Record<string, { ms: number }> {
    const { random } = this.world;
    return Object.fromEntries(this.someHubs().map((name) => [name, { ms: random.whole(1, 100) }]));
  }

  /** Of all hubs, linked or not. */
  get hubNames(): string[] {
    return Array.from({ length: this.world.plan.hubs }, (_, index) => this.hubName(index + 1));
  }

  private hubName(number: number): string {
    const name = `hub-${number}`;
    return this.world.plan.isLongWinded ? `${name}-${'y'.repeat(longHubNameLength - name.length - 1)}` : name;
  }

  private capacity(): number | null {
    const { random, plan } = this.world;
    return random.chance(0.4) ? null : random.whole(0, Math.ceil(plan.devices / 2));
  }

  /** Without the real one's wait after a lost race: nobody else writes these streams. */
  private async transact<S, E extends BerthEvent>(
    stream: string,
    initial: S,
    evolve: (state: S, event: E) => S,
    decide: (state: S) => Decision<BerthEvent, unknown>,
  ): Promise<void> {
    try {
      let state = initial;
      let revision = noStream;
      for await (const stored of this.store.read<E>(stream)) {
        state = evolve(state, stored.event);
        ({ revision } = stored);
      }
      const decision = decide(state);
      if (!decision.ok || decision.events.length === 0) return;
      const at = new Date(this.world.scheduler.now).toISOString();
      const metadata = { correlationId: 'simulation', actor: 'operator', at };
      ({ position: this.newest } = await this.store.append(stream, decision.events, revision, metadata));
    } catch (error) {
      // The operator sees the fault, and may or may not try again.
      if (!(error instanceof StoreUnavailable || error instanceof RevisionConflict)) throw error;
    }
  }
}
