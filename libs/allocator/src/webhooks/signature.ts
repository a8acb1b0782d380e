import { createHmac } from 'node:crypto';

/**
 * Headers by which the receiver knows who asks, and when, after Standard Webhooks (standardwebhooks.com, version 1.0.0):
 * HMAC-SHA256 over id, timestamp and body. With several secrets, as while one is replaced, there is a signature by each.
 * @param at milliseconds since 1970.
 */
export function signatureHeaders(
  { id, at, body }: { id: string; at: number; body: string },
  secrets: readonly Buffer[],
): Record<string, string> {
  const timestamp = String(Math.floor(at / 1000));
  const signatures = secrets.map((secret) => {
    const signature = createHmac('sha256', secret).update(`${id}.${timestamp}.${body}`).digest('base64');
    return `v1,${signature}`;
  });
  return { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': signatures.join(' ') };
}
