import { fairConditions, type NetworkConditions } from './network.js';
import { type Random } from './random.js';
import { type LogHabits, plainHabits } from './simulated-broker.js';

/** What goes wrong in a world, and how often. Each kind is counted over the whole run. */
export interface Troubles {
  /** A process is gone with everything in its memory. */
  crash: number;
  /** A process stands still, often so long that others take over, and wakes. */
  pause: number;
  /** A process reaches nobody, and nobody reaches it. */
  cutOff: number;
  /** A process is obeyed and never answered. */
  deaf: number;
  storeAway: number;
  brokerAway: number;
  /** The group deals its partitions out anew, for no reason that anybody sees. */
  upset: number;
  /** A process stops in order. */
  stop: number;
}

/** One world, drawn from its seed: worlds differ in what goes wrong at all, so that each trouble also comes alone. */
export interface Plan {
  partitions: number;
  /** How many run at once when nothing is wrong. */
  allocators: number;
  devices: number;
  hubs: number;
  messages: number;
  /** Moments in which as many devices as there are register at once, as after a power cut. */
  rushes: number;
  commands: number;
  /** How long things go wrong, milliseconds; afterwards everything heals. */
  durationMs: number;
  conditions: NetworkConditions;
  habits: LogHabits;
  troubles: Troubles;
  /** Probability that a message is one that can't be read, or stands where it doesn't belong. */
  bad: number;
  /** Probability that a message is an operator's wish to release a device. */
  releases: number;
  /** Ids as long as they may be, and one burst of messages, so that a batch needs several pages. */
  isLongWinded: boolean;
}

export function drawPlan(random: Random): Plan {
  const sometimes = (most: number) => (random.chance(0.5) ? random.whole(1, most) : 0);
  const rarely = (probability: number) => (random.chance(0.5) ? random.next() * probability : 0);
  const isLongWinded = random.chance(0.02);
  return {
    partitions: random.whole(1, 4),
    allocators: random.pick([1, 1, 2, 3]),
    devices: random.whole(2, 12),
    hubs: random.whole(1, 4),
    messages: random.whole(10, 60),
    rushes: sometimes(2),
    commands: random.whole(0, 30),
    durationMs: random.whole(5_000, 120_000),
    conditions: {
      ...fairConditions,
      latencyMs: random.whole(1, 200),
      slowMs: random.whole(500, 20_000),
      slow: rarely(0.1),
      lostAnswer: rarely(0.2),
      lostRequest: rarely(0.1),
      silentLoss: random.next(),
    },
    habits: {
      ...plainHabits,
      sessionMs: random.whole(2_000, 10_000),
      handoverMs: random.whole(100, 3_000),
      gap: rarely(0.3),
      shortBatch: rarely(1),
      erraticShare: rarely(0.5),
    },
    troubles: {
      crash: sometimes(4),
      pause: sometimes(4),
      cutOff: sometimes(3),
      deaf: sometimes(3),
      storeAway: sometimes(3),
      brokerAway: sometimes(3),
      upset: sometimes(5),
      stop: sometimes(3),
    },
    bad: rarely(0.4),
    releases: rarely(0.3),
    isLongWinded,
  };
}
