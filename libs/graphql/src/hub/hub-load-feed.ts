import { type HubLoadRow, type ReadModel } from '@berth/read-model';
import { setTimeout as delay } from 'node:timers/promises';
import { type RequestContext } from '../request-context.js';

/** How long one look-out for news lasts. */
const lookOutMs = 1_000;

/** The loads as they stand, and again whenever they have changed, at most once in `intervalMs`: what lies between is left out. */
export class HubLoadFeed implements AsyncIterableIterator<{ hubLoads: readonly HubLoadRow[] }, undefined> {
  private readonly stopping = new AbortController();
  private readonly stopped = new Promise<false>((resolve) => {
    this.stopping.signal.addEventListener('abort', () => resolve(false), { once: true });
  });
  private seen: bigint | null = null;
  private shown: string | null = null;

  constructor(
    private readonly readModel: ReadModel,
    private readonly context: RequestContext,
    private readonly intervalMs: number,
  ) {}

  async next(): Promise<IteratorResult<{ hubLoads: readonly HubLoadRow[] }, undefined>> {
    while (!this.stopping.signal.aborted) {
      if (this.shown !== null && !(await this.hasNews())) continue;
      this.seen = this.readModel.position();
      const hubLoads = await this.readModel.hubLoads();
      const text = JSON.stringify(hubLoads);
      if (text === this.shown) continue;
      this.shown = text;
      this.context.shown = this.seen;
      return { done: false, value: { hubLoads } };
    }
    return { done: true, value: undefined };
  }

  async return(): Promise<IteratorResult<{ hubLoads: readonly HubLoadRow[] }, undefined>> {
    this.stopping.abort();
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  private async hasNews(): Promise<boolean> {
    await delay(this.intervalMs, undefined, { signal: this.stopping.signal }).catch(() => undefined);
    const later = (this.seen ?? -1n) + 1n;
    return Promise.race([this.readModel.reached(later, lookOutMs), this.stopped]);
  }
}
