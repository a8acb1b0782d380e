import { type AllocationRequest, type CustomAllocation, type WebhookAnswer } from '@berth/domain';

/** A question to a webhook. */
export interface WebhookCall {
  custom: CustomAllocation;
  /** The same whenever the same registration message is asked about. */
  id: string;
  request: AllocationRequest;
}

/** Those who are asked under the policy `custom`. */
export interface Webhooks {
  /**
   * One try, within the call's deadline. Whatever goes wrong is a fault that the answer states; never rejects.
   * @param signal gives the call up; what is answered then has no meaning.
   */
  ask(call: WebhookCall, signal: AbortSignal): Promise<WebhookAnswer>;
}

/** Where no webhook may be asked. */
export const noWebhooks: Webhooks = { ask: async () => ({ fault: 'was not asked: no host is allowed here' }) };
