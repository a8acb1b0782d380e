import {
  faultInCustomAllocation,
  hostOf,
  readWebhookAnswer,
  type WebhookAnswer,
  webhookAnswerBytesMax,
} from '@berth/domain';
import { metrics } from '@berth/platform';
import {
  bulkhead,
  BulkheadRejectedError,
  circuitBreaker,
  BrokenCircuitError,
  ConsecutiveBreaker,
  handleType,
  type IPolicy,
  wrap,
} from 'cockatiel';
import { signatureHeaders } from './signature.js';
import { type WebhookCall, type Webhooks } from './webhooks.js';

export interface HttpWebhooksOptions {
  /** Who may be asked, as `hostOf` writes hosts. */
  hosts: ReadonlySet<string>;
  /** What calls are signed with, each by itself. */
  secrets: readonly Buffer[];
  /** Milliseconds since 1970. */
  now(): number;
  /** Failures in a row after which a host is left alone, and for how long. */
  breaker?: { failures: number; openMs: number };
}

const usualBreaker = { failures: 5, openMs: 10_000 };
/** Calls of this process to one host: under way, and waiting for that. */
const callsAtOnce = 64;
const callsWaitingMax = 4096;

/** Webhooks over HTTP: signed, one try each, no redirect followed, nothing of an answer read beyond what may be recorded. */
export class HttpWebhooks implements Webhooks {
  /** By host: as many as are allowed at most. */
  private readonly policies = new Map<string, IPolicy>();

  constructor(private readonly options: HttpWebhooksOptions) {}

  async ask(call: WebhookCall, signal: AbortSignal): Promise<WebhookAnswer> {
    const { custom } = call;
    const refusal = faultInCustomAllocation(custom, this.options.hosts);
    if (refusal) {
      const host = refusal.kind === 'webhookHostNotAllowed' ? refusal.host : null;
      return {
        fault: host === null ? 'has no usable URL' : `was not asked: BERTH_WEBHOOK_HOSTS does not name ${host}`,
      };
    }
    const end = metrics.webhookCall.startTimer();
    const answer = await this.askInTime(call, AbortSignal.any([signal, AbortSignal.timeout(custom.deadlineMs)]));
    end({ outcome: 'fault' in answer ? 'fault' : 'answered' });
    return answer;
  }

  private async askInTime(call: WebhookCall, signal: AbortSignal): Promise<WebhookAnswer> {
    const policy = this.policyOf(hostOf(call.custom.webhookUrl));
    const late = { fault: `gave no answer within ${call.custom.deadlineMs} ms` };
    // Once it is under way its own end counts, for the breaker too.
    let isUnderWay = false;
    let giveUp!: () => void;
    const isOver = new Promise<WebhookAnswer>((resolve) => (giveUp = () => !isUnderWay && resolve(late)));
    signal.addEventListener('abort', giveUp);
    const post = () => {
      isUnderWay = true;
      return this.post(call, signal);
    };
    try {
      return await Promise.race([policy.execute(post, signal), isOver]);
    } catch (error) {
      if (error instanceof HostFailed) return error.answer;
      if (error instanceof BrokenCircuitError) return { fault: 'was not asked: its host has failed too often' };
      if (error instanceof BulkheadRejectedError) return { fault: 'was not asked: too many wait for its host' };
      return late;
    } finally {
      signal.removeEventListener('abort', giveUp);
    }
  }

  private policyOf(host: string): IPolicy {
    let policy = this.policies.get(host);
    if (!policy) {
      const { failures, openMs } = this.options.breaker ?? usualBreaker;
      const breaker = circuitBreaker(handleType(HostFailed), {
        halfOpenAfter: openMs,
        breaker: new ConsecutiveBreaker(failures),
      });
      policy = wrap(bulkhead(callsAtOnce, callsWaitingMax), breaker);
      this.policies.set(host, policy);
    }
    return policy;
  }

  /** @throws HostFailed for what another device's call would meet too. */
  private async post({ custom, id, request }: WebhookCall, signal: AbortSignal): Promise<WebhookAnswer> {
    signal.throwIfAborted();
    const body = JSON.stringify(request);
    const { secrets, now } = this.options;
    const headers = {
      'content-type': 'application/json; charset=utf-8',
      accept: 'application/json',
      'user-agent': 'berth',
      ...signatureHeaders({ id, at: now(), body }, secrets),
    };
    try {
      const response = await fetch(custom.webhookUrl, { method: 'POST', headers, body, redirect: 'manual', signal });
      const { status } = response;
      const text = response.ok ? await textOf(response) : '';
      if (!response.ok) await response.body?.cancel();
      if (text === null) return { fault: `answered more than ${webhookAnswerBytesMax} bytes` };
      const answer = readWebhookAnswer(status, text);
      if (status >= 500 || status === 429) throw new HostFailed(answer);
      return answer;
    } catch (error) {
      if (error instanceof HostFailed) throw error;
      if (signal.aborted) throw lateOf(signal, custom.deadlineMs);
      throw new HostFailed({ fault: `could not be reached (${codeOf(error)})` });
    }
  }
}

/** The fault is the host's, not one of the device in question: it counts for the breaker. */
class HostFailed extends Error {
  constructor(readonly answer: WebhookAnswer) {
    super('A webhook failed');
  }
}

/** Only its own deadline is the host's fault. */
function lateOf(signal: AbortSignal, deadlineMs: number): unknown {
  const isDeadline = signal.reason instanceof DOMException && signal.reason.name === 'TimeoutError';
  return isDeadline ? new HostFailed({ fault: `gave no answer within ${deadlineMs} ms` }) : signal.reason;
}

/** Null when it is more than an answer may have. */
async function textOf({ body }: Response): Promise<string | null> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  // Leaving the loop cancels the rest.
  for await (const chunk of body ?? []) {
    bytes += chunk.length;
    if (bytes > webhookAnswerBytesMax) return null;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

function codeOf(error: unknown): string {
  const { cause } = error as { cause?: { code?: unknown } };
  return typeof cause?.code === 'string' ? cause.code : 'the connection failed';
}
