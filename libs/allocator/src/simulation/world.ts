import { topics } from '@berth/registration-log';
import { AllocatorProcess } from './allocator-process.js';
import { Gateway, recordText } from './gateway.js';
import { type Invariant, Invariants, type Violation } from './invariants.js';
import { fairConditions, Network } from './network.js';
import { Operator } from './operator.js';
import { drawPlan, type Plan, type Troubles } from './plan.js';
import { Random } from './random.js';
import { Sabotage } from './sabotage.js';
import { Scheduler, type SimulatedProcess } from './scheduler.js';
import { ScriptedWebhooks } from './scripted-webhooks.js';
import { SimulatedBroker } from './simulated-broker.js';
import { SimulatedStore } from './simulated-store.js';
import { Terrain } from './terrain.js';

const startMs = Date.UTC(2026, 0, 1);
/** Far more than any world has needed to come to rest. */
const stepsMax = 60_000;

export interface WorldOptions {
  sabotage?: Sabotage;
  /** Called with each step, when somebody wants to read them. */
  onStep?: (what: string) => void;
  /** Finds only what breaks this one. */
  only?: Invariant;
}

export interface WorldRun {
  seed: number;
  steps: number;
  /** The first thing that must not be; null when there was none. */
  violation: Violation | null;
  /** What happened, counted. */
  seen: Record<string, number>;
}

/** One seeded world: allocators as deployed, on a simulated log, store, network and clock, in trouble, until it heals. */
export class World {
  readonly scheduler = new Scheduler(startMs);
  readonly random: Random;
  readonly plan: Plan;
  readonly network: Network;
  readonly store: SimulatedStore;
  readonly broker: SimulatedBroker;
  readonly webhooks: ScriptedWebhooks;
  readonly terrain: Terrain;
  readonly operator: Operator;
  readonly gateway: Gateway;
  readonly invariants: Invariants;
  private readonly sabotage: Sabotage;
  private readonly running = new Set<AllocatorProcess>();
  private readonly counts = { crashes: 0, pauses: 0, zombies: 0, startsInVain: 0 };
  private started = 0;
  private hasHealed = false;

  constructor(
    private readonly seed: number,
    options: WorldOptions = {},
  ) {
    this.random = new Random(seed);
    this.plan = drawPlan(this.random);
    this.sabotage = options.sabotage ?? new Sabotage();
    const { scheduler, random, plan } = this;
    this.network = new Network(scheduler, random);
    this.store = new SimulatedStore(scheduler, this.network, random);
    this.broker = new SimulatedBroker(scheduler, this.network, random, plan.habits, plan.partitions);
    this.webhooks = new ScriptedWebhooks(seed, scheduler);
    this.terrain = new Terrain(seed);
    this.operator = new Operator(this);
    this.gateway = new Gateway(this);
    this.invariants = new Invariants(
      plan.partitions,
      (record) => this.gateway.bad.has(recordText(record)),
      (id) => this.webhooks.answered.get(id) ?? [],
      options.only ?? null,
    );
    this.store.watcher = this.invariants;
    this.broker.watcher = this.invariants;
    scheduler.onStep = options.onStep ? (what) => options.onStep?.(this.stamped(what)) : null;
  }

  async run(): Promise<WorldRun> {
    void this.operator.begin().then(() => this.begin());
    let steps = 0;
    while (steps < stepsMax && this.invariants.violations.length === 0 && (await this.scheduler.step())) {
      steps += 1;
      this.lookAround();
    }
    if (steps >= stepsMax) this.invariants.violate('goes on', `no rest after ${steps} steps`);
    if (this.invariants.violations.length === 0) this.lookBack();
    const { answersLost, requestsLost } = this.network;
    const seen = {
      ...this.invariants.seen,
      ...this.invariants.latencies.seen,
      ...this.webhooks.seen,
      ...this.counts,
      answersLost,
      requestsLost,
    };
    return { seed: this.seed, steps, violation: this.invariants.violations[0] ?? null, seen };
  }

  /** A part of the process can't go on, so the process ends; something starts it again. */
  endedBy(ended: AllocatorProcess, error: unknown): void {
    if (!this.running.has(ended)) return;
    const isAway = error instanceof Error && 'retriable' in error && error.retriable === true;
    if (!isAway) this.invariants.violate('goes on', `${ended.process.name} ended: ${String(error)}`);
    this.counts.startsInVain += 1;
    this.note(`${ended.process.name} ends: ${String(error)}`);
    this.end(ended);
    this.startSoon();
  }

  private begin(): void {
    const { plan, random, scheduler } = this;
    this.network.conditions = plan.conditions;
    for (let index = 0; index < plan.allocators; index += 1) this.startSoon();
    const anyTime = () => random.between(0, plan.durationMs);
    const troubles = Object.entries(plan.troubles).flatMap(([kind, count]) =>
      Array.from({ length: count }, () => ({ kind: kind as keyof Troubles, at: anyTime() })),
    );
    for (const { kind, at } of troubles) scheduler.after(at, null, `trouble: ${kind}`, () => this.trouble(kind));
    /** Half of what people do falls into the moments that matter. */
    const sometime = (what: string, act: () => void) => {
      const isNearTrouble = troubles.length > 0 && random.chance(0.5);
      const at = isNearTrouble ? random.pick(troubles).at + random.between(-500, 2_000) : anyTime();
      scheduler.after(Math.max(0, at), null, what, act);
    };
    const times = (count: number, what: string, act: () => void) => {
      for (let left = count; left > 0; left -= 1) sometime(what, act);
    };
    times(plan.messages, 'a gateway receives', () => void this.gateway.receive());
    times(plan.rushes, 'many devices register at once', () => {
      for (let device = 0; device < plan.devices; device += 1) void this.gateway.receive();
    });
    times(plan.isLongWinded ? 1 : 0, 'a burst of messages', () => void this.gateway.burst());
    times(this.terrain.reports, 'a gateway reports', () => void this.gateway.report());
    times(plan.commands, 'an operator acts', () => void this.operator.act());
    scheduler.after(plan.durationMs, null, 'everything heals', () => this.heal());
  }

  private trouble(kind: keyof Troubles): void {
    const { random, scheduler, store, broker } = this;
    const shortOrLong = () => random.between(0, random.pick([1_000, 30_000, 90_000]));
    if (kind === 'upset') return broker.upset();
    if (kind === 'storeAway' || kind === 'brokerAway') {
      const server = kind === 'storeAway' ? store : broker;
      server.isAway = true;
      scheduler.after(shortOrLong(), null, `the ${server.name} is back`, () => (server.isAway = false));
      return;
    }
    const victims = [...this.running];
    if (victims.length === 0) return;
    const victim = random.pick(victims);
    const { process } = victim;
    switch (kind) {
      case 'crash':
        this.counts.crashes += 1;
        this.end(victim);
        return this.startSoon();
      case 'stop':
        void victim.stop().then(() => {
          if (!this.running.has(victim)) return;
          this.end(victim);
          this.startSoon();
        });
        return;
      case 'deaf':
        process.isDeaf = true;
        scheduler.after(shortOrLong(), null, `${process.name} hears again`, () => (process.isDeaf = false));
        return;
      case 'cutOff':
        process.isCutOff = true;
        broker.lost(process);
        scheduler.after(shortOrLong(), null, `${process.name} is connected again`, () => this.reconnect(victim));
        return;
      case 'pause':
        return this.pause(victim);
    }
  }

  /** A pause longer than the session makes a zombie: others have its partitions by the time it wakes. */
  private pause(victim: AllocatorProcess): void {
    const { random, scheduler, broker, plan } = this;
    const { process } = victim;
    const { sessionMs } = plan.habits;
    this.counts.pauses += 1;
    scheduler.pause(process);
    broker.lost(process);
    const pauseMs = random.between(0, sessionMs * 3);
    scheduler.after(pauseMs, null, `${process.name} wakes`, () => this.wake(victim));
    if (pauseMs < sessionMs || !random.chance(0.7)) return;
    this.counts.zombies += 1;
    scheduler.after(sessionMs, null, `${process.name} is replaced`, () => this.startSoon());
    // Whoever replaced it notices, sooner or later, and ends it.
    scheduler.after(pauseMs + random.between(0, 3_000), null, `${process.name} is ended`, () => this.end(victim));
  }

  private wake({ process }: AllocatorProcess): void {
    if (!process.isPaused) return;
    this.scheduler.resume(process);
    this.hear(process);
  }

  private reconnect({ process }: AllocatorProcess): void {
    process.isCutOff = false;
    this.hear(process);
  }

  private hear(process: SimulatedProcess): void {
    if (!process.isPaused && !process.isCutOff && !process.hasEnded) this.broker.heard(process);
  }

  private heal(): void {
    this.hasHealed = true;
    this.network.conditions = fairConditions;
    this.store.isAway = false;
    this.broker.isAway = false;
    for (const victim of this.running) {
      victim.process.isDeaf = false;
      this.reconnect(victim);
      this.wake(victim);
    }
    this.startSoon();
  }

  private end(ended: AllocatorProcess): void {
    if (!this.running.delete(ended)) return;
    this.scheduler.end(ended.process);
    this.broker.lost(ended.process);
    if (this.hasHealed && this.running.size === 0) this.startSoon();
  }

  private startSoon(): void {
    const delayMs = this.random.between(0, this.random.chance(0.7) ? 500 : 10_000);
    this.scheduler.after(delayMs, null, 'an allocator starts', () => {
      const isEnough = this.running.size >= this.plan.allocators + 1 || (this.hasHealed && this.running.size > 0);
      if (isEnough) return;
      const allocator = new AllocatorProcess(this, `allocator-${(this.started += 1)}`, this.sabotage);
      this.running.add(allocator);
      allocator.start();
    });
  }

  private lookAround(): void {
    for (const allocator of this.running) this.invariants.lookInto(allocator);
  }

  private lookBack(): void {
    this.invariants.lookBack();
    for (const allocator of this.running) {
      this.invariants.lookAtRest(allocator, this.broker.partitionsOf(topics.registrations, allocator.process));
    }
  }

  private note(what: string): void {
    this.scheduler.onStep?.(what);
  }

  private stamped(what: string): string {
    return `${((this.scheduler.now - startMs) / 1000).toFixed(3).padStart(9)} s  ${what}`;
  }
}
