import { LoadView } from '../../allocation/load-view.js';
import { type WebhookAnswer } from '../../webhook/webhook-answer.js';
import { type Answer } from '../answer.js';
import { type Ask, asksAmong } from '../asks.js';
import { type ConfigurationEvent, emptyConfiguration, evolveConfiguration } from '../configuration.js';
import { decidePage, settlePage, type Wish } from '../decide.js';
import { type DecisionsRecorded, emptyLedger, type Ledger, type LedgerEvent } from '../ledger.js';
import { decideRelease, type ReleaseEvent } from '../release.js';

/** The source of every message that says nothing else, and the id scope of every token. */
export const trusted = '/gateways/one';
export const idScope = '0ne00000000';

/**
 * One partition with its configuration; each registration is a page of its own unless given together, or asked about. A sealed secret's
 * ciphertext is the secret itself.
 */
export class World {
  readonly configuration = emptyConfiguration(({ ciphertext }) => Buffer.from(ciphertext));
  readonly ledger: Ledger = emptyLedger(0);
  /** What its ledger's stream holds, in order. */
  readonly recorded: LedgerEvent[] = [];
  /** The pages among that: without releases, by revision. */
  readonly pages: DecisionsRecorded[] = [];
  /** By page, the wishes that it decided. */
  readonly wishes: [Wish, ...Wish[]][] = [];
  /** What webhooks were asked, in order. */
  readonly asked: Ask[] = [];
  /** What they answer. */
  webhook: (ask: Ask) => WebhookAnswer = () => ({ fault: 'is not there' });
  private readonly answers = new Map<number, WebhookAnswer>();
  private readonly loads = new LoadView(1);
  private offset = 0;
  private passedMs = 0;

  constructor(...events: ConfigurationEvent[]) {
    this.loads.claimed(this.ledger);
    this.after(...events);
  }

  after(...events: ConfigurationEvent[]): this {
    for (const event of events) evolveConfiguration(this.configuration, event, { position: '1', at: 0 });
    return this;
  }

  register(...wishes: (string | Partial<Wish>)[]): Answer[] {
    const numbered = wishes.map((wish): Wish => {
      const offset = this.offset++;
      const given = typeof wish === 'string' ? { registrationId: wish } : wish;
      return {
        offset,
        registrationId: 'x',
        requestId: `wish-${offset}`,
        source: trusted,
        attestation: { type: 'gateway' },
        ...given,
      };
    });
    const given: Answer[] = [];
    for (let rest = numbered; ;) {
      const decided = this.decide(rest as [Wish, ...Wish[]]);
      given.push(...decided.answers);
      rest = rest.slice(decided.answers.length);
      // The next page has the places that this one gave back.
      if (decided.isShort) continue;
      if (!decided.isUnasked) return given;
      for (const ask of asksAmong(rest, this.inputs())) {
        this.asked.push(ask);
        this.answers.set(ask.wish.offset, this.webhook(ask));
      }
    }
  }

  private decide(wishes: readonly [Wish, ...Wish[]]): { answers: Answer[]; isUnasked: boolean; isShort: boolean } {
    const { page, isUnasked, short } = decidePage(wishes, {
      ...this.inputs(),
      configurationPosition: '1',
      leases: { places: ({ capacity, load }) => capacity! - load, filled: () => undefined },
    });
    const isShort = short.length > 0;
    if (!page) return { answers: [], isUnasked, isShort };
    this.recorded.push({ type: 'DecisionsRecorded', v: 1, data: page.data });
    this.pages.push(page.data);
    this.wishes.push(page.decided.map(({ wish }) => wish) as [Wish, ...Wish[]]);
    return { answers: settlePage(this.ledger, page, this.position), isUnasked, isShort };
  }

  release(registrationId: string, requestId: string): ReleaseEvent {
    const { ledger, now: at } = this;
    const board = this.loads.boardOf(this.configuration);
    const wish = { offset: this.offset++, registrationId, requestId, actor: 'ops' };
    const event = decideRelease(wish, { ledger, board, at });
    this.recorded.push(event);
    ledger.devices.settle(this.position);
    return event;
  }

  /** Of what its ledger's stream holds last. */
  private get position(): string {
    return String(1000 + this.ledger.revision);
  }

  private inputs() {
    const { ledger, configuration, answers } = this;
    const board = this.loads.boardOf(configuration);
    const answerOf = (offset: number) => answers.get(offset);
    return { ledger, configuration, board, idScope, at: this.now, answerOf };
  }

  /** The page decided next is so much later. */
  pass(ms: number): this {
    this.passedMs += ms;
    return this;
  }

  get now(): number {
    return Date.UTC(2026, 0, 1) + this.offset + this.passedMs;
  }

  load(hub: string): number {
    return this.ledger.loads.get(hub) ?? 0;
  }
}
