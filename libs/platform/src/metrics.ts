import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';

/** Every metric of Berth, declared in one place. Served at `/metrics`. */
export const registry = new Registry();
collectDefaultMetrics({ register: registry });

export const metrics = {
  /** Registration messages decided, by what they came to: assigned, failed, disabled, unreadable. */
  registrations: new Counter({
    name: 'berth_registrations_total',
    help: 'Registration messages that got their outcome',
    labelNames: ['outcome'],
    registers: [registry],
  }),
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
  partitions: new Gauge({
    name: 'berth_partitions_claimed',
    help: 'Partitions this allocator decides',
    registers: [registry],
  }),
} as const;
