import { type Random } from './random.js';
import { type Scheduler, type SimulatedProcess } from './scheduler.js';

/** A server of the simulated world, which the tests' authors run: it never loses what it has, but may be away. */
export interface Server {
  name: string;
  isAway: boolean;
}

/** How well things get through. Probabilities are per request. */
export interface NetworkConditions {
  /** Most requests and answers take up to so long. */
  latencyMs: number;
  /** Some take up to this much longer instead. */
  slowMs: number;
  slow: number;
  /** The request is carried out, and nobody hears of it. */
  lostAnswer: number;
  lostRequest: number;
  /** Of the losses, those that nobody notices before the deadline. */
  silentLoss: number;
}

export const fairConditions: NetworkConditions = {
  latencyMs: 3,
  slowMs: 0,
  slow: 0,
  lostAnswer: 0,
  lostRequest: 0,
  silentLoss: 0,
};

/** How often a server tries to tell something to a process that it can't reach. */
const tellAgainMs = 500;

/** Nobody knows whether it happened. */
export class NoAnswer extends Error {}

/** Requests that arrive in the order in which they were sent, however long each takes. */
export class Channel {
  lastArrival = 0;
  /** What couldn't be told when it arrived. */
  readonly untold: (() => void)[] = [];
}

interface Asking<T> {
  from: SimulatedProcess;
  to: Server;
  what: string;
  /** How long the asker waits for the answer. */
  deadlineMs: number;
  channel?: Channel;
  /** What the server does when the request arrives; what it throws is the answer too. */
  work(): T;
}

/** Carries requests and answers, late or never. */
export class Network {
  conditions: NetworkConditions = fairConditions;
  /** Requests that were carried out without their asker ever knowing. */
  answersLost = 0;
  /** Requests that nobody carried out. */
  requestsLost = 0;

  /** Who waits for answers, and how to tell them that none will come. */
  private readonly waiting = new Map<SimulatedProcess, Set<() => void>>();

  constructor(
    private readonly scheduler: Scheduler,
    private readonly random: Random,
  ) {}

  /** Every answer on its way to the process is lost, and it notices. */
  breakConnections(process: SimulatedProcess): void {
    for (const giveUp of this.waiting.get(process) ?? []) {
      this.scheduler.after(this.latency(), process, 'hears that its connections broke', giveUp);
    }
  }

  /** @throws NoAnswer when nothing came back in time. */
  ask<T>({ from, to, what, deadlineMs, channel, work }: Asking<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const isOver = this.expectAnswer(from, what, deadlineMs, reject);
      const hear = (settle: () => void, how: string, isReachable = () => true) => {
        this.scheduler.after(this.latency(), from, how, () => {
          if (isReachable() && !isOver()) settle();
        });
      };
      const lose = (how: string) => {
        this.scheduler.onStep?.(`${how}: ${what}`);
        if (this.random.chance(this.conditions.silentLoss)) return;
        hear(() => reject(new NoAnswer(what)), `hears that the connection broke: ${what}`);
      };
      this.scheduler.after(this.delayOn(channel), null, `${to.name} gets from ${from.name}: ${what}`, () => {
        if (to.isAway || from.isCutOff || this.random.chance(this.conditions.lostRequest)) {
          this.requestsLost += 1;
          lose('the request was lost');
          return;
        }
        let settle: () => void;
        try {
          const answer = work();
          settle = () => resolve(answer);
        } catch (error) {
          settle = () => reject(error);
        }
        if (this.random.chance(this.conditions.lostAnswer)) {
          this.answersLost += 1;
          lose('the answer was lost');
        } else hear(settle, `hears back: ${what}`, () => !from.isCutOff && !from.isDeaf);
      });
    });
  }

  /** @returns to be called when the answer has come: whether it is too late. */
  private expectAnswer(
    from: SimulatedProcess,
    what: string,
    deadlineMs: number,
    reject: (error: NoAnswer) => void,
  ): () => boolean {
    let waiting = this.waiting.get(from);
    if (!waiting) this.waiting.set(from, (waiting = new Set()));
    const giveUp = () => {
      if (!isOver()) reject(new NoAnswer(what));
    };
    const deadline = this.scheduler.after(deadlineMs, from, `gives up on: ${what}`, giveUp);
    const isOver = () => {
      this.scheduler.cancel(deadline);
      return !waiting.delete(giveUp);
    };
    waiting.add(giveUp);
    return isOver;
  }

  /** What a server says by itself. It gets there, in order, once the process can be reached. */
  tell(to: SimulatedProcess, channel: Channel, what: string, hear: () => void): void {
    this.scheduler.after(this.delayOn(channel), to, `is told: ${what}`, () => {
      if (!to.isCutOff && channel.untold.length === 0) return hear();
      channel.untold.push(hear);
      if (channel.untold.length === 1) this.tellAgain(to, channel);
    });
  }

  private tellAgain(to: SimulatedProcess, channel: Channel): void {
    this.scheduler.after(tellAgainMs, to, 'is told what it has missed', () => {
      if (to.isCutOff) return this.tellAgain(to, channel);
      for (const hear of channel.untold.splice(0)) hear();
    });
  }

  latency(): number {
    const { latencyMs, slowMs, slow } = this.conditions;
    return this.random.between(0.1, this.random.chance(slow) ? slowMs : latencyMs);
  }

  private delayOn(channel: Channel | undefined): number {
    const delay = this.latency();
    if (!channel) return delay;
    channel.lastArrival = Math.max(channel.lastArrival, this.scheduler.now + delay);
    return channel.lastArrival - this.scheduler.now;
  }
}
