import { type BuiltInPolicyKind, type CustomAllocation, type WebhookAnswer } from '@berth/domain';
import { type WebhookCall, type Webhooks } from '../webhooks/webhooks.js';
import { Random } from './random.js';
import { type Scheduler, type SimulatedProcess } from './scheduler.js';

/** Apart from the world's own chance, so that worlds without webhooks are what they would be if there were none at all. */
const ownSeed = 1_000_045;
const host = 'hooks.simulated';

/** The webhooks of a world: some answer well, some late, some name whatever hub, some fail. */
export class ScriptedWebhooks {
  /** Hosts that may be asked; none in most worlds. */
  readonly hosts: ReadonlySet<string>;
  /** What was answered, by the id of the call, in order. */
  readonly answered = new Map<string, WebhookAnswer[]>();
  readonly seen = { asked: 0, webhookFaults: 0, givenUp: 0 };
  private readonly random: Random;
  private readonly slowMs: number;

  constructor(
    seed: number,
    private readonly scheduler: Scheduler,
  ) {
    this.random = new Random(seed + ownSeed);
    this.hosts = new Set(this.random.chance(0.4) ? [host] : []);
    this.slowMs = this.random.pick([50, 2_000, 20_000]);
  }

  /** Null: this time it is another policy. */
  draw(isListed: boolean): CustomAllocation | null {
    const { random } = this;
    if (this.hosts.size === 0 || random.chance(0.4)) return null;
    const fallbacks: (BuiltInPolicyKind | null)[] = [null, null, 'evenlyWeighted', 'lowestLatency'];
    const fallback = random.pick(isListed ? [...fallbacks, 'static' as const] : fallbacks);
    const webhookUrl = `https://${host}/${random.whole(1, 3)}`;
    return { webhookUrl, apiVersion: '2021-10-01', fallback, deadlineMs: random.whole(100, 10_000) };
  }

  clientOf(process: SimulatedProcess): Webhooks {
    return { ask: (call, signal) => this.ask(process, call, signal) };
  }

  private async ask(process: SimulatedProcess, { id, custom, request }: WebhookCall, signal: AbortSignal) {
    this.seen.asked += 1;
    const { random } = this;
    const takesMs = random.between(0, random.chance(0.8) ? 200 : this.slowMs);
    const drawn = this.drawAnswer(request.linkedHubs);
    const isLate = takesMs > custom.deadlineMs;
    const answer = isLate ? { fault: `gave no answer within ${custom.deadlineMs} ms` } : drawn;
    const ends = this.scheduler.sleep(Math.min(takesMs, custom.deadlineMs), process, `a webhook answers about ${id}`);
    const isGivenUp = await new Promise<boolean>((resolve) => {
      void ends.then(() => resolve(false));
      signal.addEventListener('abort', () => resolve(true));
    });
    if (isGivenUp) this.seen.givenUp += 1;
    if ('fault' in answer) this.seen.webhookFaults += 1;
    if (!isGivenUp) this.answered.set(id, [...(this.answered.get(id) ?? []), answer]);
    return answer;
  }

  private drawAnswer(choices: readonly string[]): WebhookAnswer {
    const { random } = this;
    if (random.chance(0.15)) return { fault: `answered ${random.pick([404, 500, 503])}` };
    const hub = choices.length > 0 && random.chance(0.9) ? random.pick(choices) : `hub-${random.whole(1, 5)}`;
    return random.chance(0.3) ? { hub, payload: { n: random.whole(1, 3) } } : { hub };
  }
}
