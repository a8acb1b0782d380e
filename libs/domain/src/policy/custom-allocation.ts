import { type AllocationPolicyKind } from './allocation-policy.js';

/** A policy that Berth decides by itself. */
export type BuiltInPolicyKind = Exclude<AllocationPolicyKind, 'custom'>;

/** Whom to ask where a device goes, and what happens when the answer is of no use. */
export interface CustomAllocation {
  /** https, or http on loopback. Its query may not be for everybody's eyes: `maskedUrl`. */
  webhookUrl: string;
  /** Version of the reference service's API whose shapes the webhook knows. */
  apiVersion: string;
  /** What chooses when the answer is of no use; null: the registration fails. */
  fallback: BuiltInPolicyKind | null;
  /** How long an answer may take, milliseconds. */
  deadlineMs: number;
}

export type CustomAllocationRejection =
  | { kind: 'invalidWebhookUrl'; reason: string }
  | { kind: 'webhookHostNotAllowed'; host: string }
  | { kind: 'invalidApiVersion'; apiVersion: string }
  | { kind: 'invalidDeadline'; deadlineMs: number };

/** A page of registrations waits for so long at most; devices poll for their answer every few seconds. */
export const webhookDeadlineMs = { min: 100, byDefault: 5_000, max: 30_000 } as const;
export const webhookUrlLengthMax = 2048;
/** The newest that the reference service has released, and the oldest that knows of webhooks. */
export const webhookApiVersion = { byDefault: '2021-10-01', oldest: '2018-09-01-preview' } as const;

/** @param allowed hosts as `hostOf` writes them; null: the host was judged before. */
export function faultInCustomAllocation(
  { webhookUrl, apiVersion, deadlineMs }: CustomAllocation,
  allowed: ReadonlySet<string> | null,
): CustomAllocationRejection | null {
  const reason = faultInUrl(webhookUrl);
  if (reason !== null) return { kind: 'invalidWebhookUrl', reason };
  const host = hostOf(webhookUrl);
  if (allowed && !allowed.has(host)) return { kind: 'webhookHostNotAllowed', host };
  if (!/^\d{4}-\d\d-\d\d(-preview)?$/.test(apiVersion) || apiVersion < webhookApiVersion.oldest.slice(0, 10)) {
    return { kind: 'invalidApiVersion', apiVersion };
  }
  const { min, max } = webhookDeadlineMs;
  const isInRange = Number.isInteger(deadlineMs) && deadlineMs >= min && deadlineMs <= max;
  return isInRange ? null : { kind: 'invalidDeadline', deadlineMs };
}

/** Host in lower case, with its port unless that is the scheme's own: `hooks.example.com`, `127.0.0.1:8080`. */
export function hostOf(webhookUrl: string): string {
  return new URL(webhookUrl).host;
}

/** The URL as it may be shown: keys stand in queries. */
export function maskedUrl(webhookUrl: string): string {
  const query = webhookUrl.indexOf('?');
  return query < 0 ? webhookUrl : `${webhookUrl.slice(0, query)}?***`;
}

function faultInUrl(text: string): string | null {
  if (text.length > webhookUrlLengthMax) return `is longer than ${webhookUrlLengthMax} characters`;
  if (!URL.canParse(text)) return 'is no URL';
  const { protocol, hostname, username, password, hash } = new URL(text);
  if (protocol !== 'https:' && !(protocol === 'http:' && isLoopbackName(hostname))) return 'is not https';
  if (username !== '' || password !== '') return 'names a user';
  return hash === '' ? null : 'has a fragment';
}

function isLoopbackName(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127(\.\d{1,3}){3}$/.test(hostname);
}
