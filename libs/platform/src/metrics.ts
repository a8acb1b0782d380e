import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';

/** Every metric of Berth, declared in one place. Served at `/metrics`. */
export const registry = new Registry();
collectDefaultMetrics({ register: registry });

/** A counter for what happens tens of thousands of times a second: counted here, and told to the registry when it is read. */
export class Tally<Label extends string> {
  private readonly counts = new Map<string, { labels: Record<Label, string>; count: number }>();

  constructor(
    name: string,
    help: string,
    private readonly labelNames: readonly Label[],
  ) {
    const { counts } = this;
    new Counter<Label>({
      name,
      help,
      labelNames,
      registers: [registry],
      collect() {
        this.reset();
        for (const { labels, count } of counts.values()) this.inc(labels, count);
      },
    });
  }

  /** @param values of the labels, in their order. */
  add(...values: readonly string[]): void {
    const key = values.join('\n');
    const known = this.counts.get(key);
    if (known) {
      known.count += 1;
      return;
    }
    const entries = this.labelNames.map((label, index) => [label, values[index]]);
    this.counts.set(key, { labels: Object.fromEntries(entries) as Record<Label, string>, count: 1 });
  }
}

/** By follower. */
const lags = new Map<string, () => number | null>();

export const metrics = {
  /** Registration messages decided, by what they came to: assigned, failed, disabled, unreadable. */
  registrations: new Counter({
    name: 'berth_registrations_total',
    help: 'Registration messages that got their outcome',
    labelNames: ['outcome'],
    registers: [registry],
  }),
  /** By what the device came with, and whether it proved to be the device: success, failed. */
  attestationAttempts: new Tally('berth_attestation_attempts_total', 'Devices that were asked to prove who they are', [
    'attestation',
    'status',
  ]),
  /** By hub, empty when refused, and by what came of it: assigned, failed, disabled. */
  registrationAttempts: new Tally('berth_registration_attempts_total', 'Registrations that were decided', [
    'hub',
    'status',
  ]),
  deviceAssignments: new Tally('berth_device_assignments_total', 'Devices that were given a hub, or another one', [
    'hub',
  ]),
  decisionBatch: new Histogram({
    name: 'berth_decision_batch_seconds',
    help: 'Time from a batch of registration messages to its answers',
    buckets: [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5],
    registers: [registry],
  }),
  fenced: new Counter({
    name: 'berth_partitions_fenced_total',
    help: 'Times another allocator had taken a partition over',
    registers: [registry],
  }),
  /** Calls to webhooks that were made or waited for, by what came of them: answered, fault. */
  webhookCall: new Histogram({
    name: 'berth_webhook_call_seconds',
    help: 'Time from a question to a webhook to its answer, or until it was given up',
    labelNames: ['outcome'],
    buckets: [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
    registers: [registry],
  }),
  /** By the rate that was exceeded: operationsPerMinute, registrationsPerMinute. */
  throttled: new Counter({
    name: 'berth_throttled_total',
    help: 'Requests refused because their caller had asked too often',
    labelNames: ['rate'],
    registers: [registry],
  }),
  partitions: new Gauge({
    name: 'berth_partitions_claimed',
    help: 'Partitions this allocator decides',
    registers: [registry],
  }),
  /** Without a value while it is not known, as on a projector that stands by. */
  lag: new Gauge({
    name: 'berth_follower_lag_seconds',
    help: 'How far what follows the event store is behind its newest event',
    labelNames: ['follower'],
    registers: [registry],
    collect() {
      this.reset();
      for (const [follower, lagMs] of lags) {
        const ms = lagMs();
        if (ms !== null) this.set({ follower }, ms / 1000);
      }
    },
  }),
} as const;

/** Shows a follower's lag from now on. @param lagMs asked each time the metrics are; null when it is not known. */
export function showLag(follower: string, lagMs: () => number | null): void {
  lags.set(follower, lagMs);
}
