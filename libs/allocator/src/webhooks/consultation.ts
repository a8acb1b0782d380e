import {
  allocationRequest,
  type AnswerOf,
  type Ask,
  type AskedEntrance,
  type CustomAllocation,
  type WebhookAnswer,
  type Wish,
} from '@berth/domain';
import { type EventStreams } from '@berth/event-store';
import { readAskedEntrance } from './asked-entrance.js';
import { type Webhooks } from './webhooks.js';

/** A wish as it is asked about: with what the device sent along. */
export interface AskedWish extends Wish {
  payload?: unknown;
}

/** Another webhook is asked when the operator names another meanwhile, but not for ever. */
const askedMax = 3;

interface Asked {
  custom: string;
  answer: WebhookAnswer;
  times: number;
}

/** What webhooks say of the registrations of one batch, for as long as that is in hand. */
export class Consultation {
  private readonly answers = new Map<number, Asked>();

  constructor(
    private readonly options: { webhooks: Webhooks; store: EventStreams },
    private readonly batch: { topic: string; partition: number },
  ) {}

  readonly answerOf: AnswerOf = (offset, custom) => {
    const asked = this.answers.get(offset);
    return asked && (asked.times >= askedMax || asked.custom === textOf(custom)) ? asked.answer : undefined;
  };

  /**
   * Asks all of them at once, and waits for all.
   * @throws the signal's reason once it has aborted; StoreUnavailable (retriable).
   */
  async ask(asks: readonly Ask<AskedWish>[], signal: AbortSignal): Promise<void> {
    const { webhooks, store } = this.options;
    const { topic, partition } = this.batch;
    /** Devices of a group share it. */
    const records = new Map<string, Promise<AskedEntrance | null>>();
    const read = (entrance: Ask['entrance']) => {
      const key = JSON.stringify(entrance);
      const record = records.get(key) ?? readAskedEntrance(store, entrance);
      records.set(key, record);
      return record;
    };
    const answers = await Promise.all(
      asks.map(async (ask): Promise<WebhookAnswer> => {
        const record = await read(ask.entrance);
        if (!record) return { fault: 'was not asked: the enrollment is gone' };
        const request = allocationRequest(ask, record, ask.wish.payload);
        const id = `${topic}/${partition}/${ask.wish.offset}`;
        return webhooks.ask({ custom: ask.custom, id, request }, signal);
      }),
    );
    signal.throwIfAborted();
    for (const [index, { wish, custom }] of asks.entries()) {
      const times = (this.answers.get(wish.offset)?.times ?? 0) + 1;
      this.answers.set(wish.offset, { custom: textOf(custom), answer: answers[index] as WebhookAnswer, times });
    }
  }
}

function textOf(custom: CustomAllocation): string {
  return JSON.stringify(custom);
}
