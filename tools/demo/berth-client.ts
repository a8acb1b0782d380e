import { setTimeout as delay } from 'node:timers/promises';

/** What the demo asks of a Berth instance, over HTTP as any program outside would. */
export class BerthClient {
  private readonly url: string;
  private readonly apiKey: string | undefined;

  /** @param url base address, such as http://127.0.0.1:4000 */
  constructor(url: string, apiKey?: string) {
    this.url = url;
    this.apiKey = apiKey;
  }

  /** @throws Error naming the request and what came back; GraphQL `errors` are faults and throw too. */
  async graphql<T>(query: string, variables: Record<string, unknown> = {}): Promise<T> {
    const response = await this.post('/graphql', 'application/json', JSON.stringify({ query, variables }));
    const body = (await response.json()) as { data?: T; errors?: { message: string }[] };
    if (body.errors?.length || !body.data) {
      throw new Error(`GraphQL refused (${response.status}): ${body.errors?.map(({ message }) => message).join('; ')}`);
    }
    return body.data;
  }

  /** Publishes events in one batch; resolves once they are durable. A busy or restarting log is asked again for a while. */
  async register(events: readonly object[]): Promise<void> {
    for (let attempt = 0; ; attempt += 1) {
      const body = JSON.stringify(events);
      const response = await this.post('/registrations', 'application/cloudevents-batch+json', body);
      const answer = await response.text();
      if (response.status === 202) return;
      if (response.status !== 503 || attempt >= triesMax)
        throw new Error(`POST /registrations: ${response.status} ${answer}`);
      await delay(Number(response.headers.get('retry-after') ?? 1) * 1000);
    }
  }

  private post(path: string, contentType: string, body: string): Promise<Response> {
    const headers: Record<string, string> = { 'content-type': contentType };
    if (this.apiKey) headers['authorization'] = `Bearer ${this.apiKey}`;
    return fetch(`${this.url}${path}`, { method: 'POST', headers, body });
  }
}

const triesMax = 20;

export async function isReady(url: string): Promise<boolean> {
  try {
    return (await fetch(`${url}/health/ready`)).status === 200;
  } catch {
    return false;
  }
}
