import { AbstractStartedContainer, type StartedTestContainer } from 'testcontainers';
import { setTimeout as delay } from 'node:timers/promises';
import { kafkaPort } from './apache-kafka-container.js';
import { BerthClient, type Registration } from './berth-client.js';
import { type Device, registrationEvent } from './device.js';

export const httpPort = 4000;
const assignmentMs = 30_000;
const pollMs = 25;

/** Where a device is. */
export interface Assignment {
  registrationId: string;
  deviceId: string;
  hub: string;
  substatus: string | null;
}

/** Its addresses are those of now: a restart gives it another port. */
export class StartedBerthContainer extends AbstractStartedContainer {
  private readonly apiKey: string;
  private readonly kafka: StartedTestContainer | null;
  private idScope: string | null = null;

  constructor(started: StartedTestContainer, apiKey: string, kafka: StartedTestContainer | null) {
    super(started);
    this.apiKey = apiKey;
    this.kafka = kafka;
  }

  /** Base address, as seen from the test. */
  get url(): string {
    return `http://${this.getHost()}:${this.getMappedPort(httpPort)}`;
  }

  get graphqlUrl(): string {
    return `${this.url}/graphql`;
  }

  get registrationsUrl(): string {
    return `${this.url}/registrations`;
  }

  /** As seen from the test; null on the embedded log. */
  get kafkaBrokers(): string[] | null {
    return this.kafka && [`${this.kafka.getHost()}:${this.kafka.getMappedPort(kafkaPort)}`];
  }

  /** Sends this container's API key. */
  client(): BerthClient {
    return new BerthClient(this.url, this.apiKey);
  }

  /** Publishes the device's wish over HTTP; resolves once it is durable. A bare id comes through the test's edge gateway. */
  async register(device: Device | string): Promise<void> {
    this.idScope ??= await this.client().idScope();
    const whole = typeof device === 'string' ? { registrationId: device } : device;
    await this.client().publish([registrationEvent(whole, this.idScope)]);
  }

  /**
   * Resolves once GraphQL shows the device on a hub, at once if it is on one already.
   * @throws Error saying what GraphQL showed last, when it is on none within `timeoutMs`.
   */
  async waitForAssignment(registrationId: string, timeoutMs: number = assignmentMs): Promise<Assignment> {
    const client = this.client();
    const deadline = Date.now() + timeoutMs;
    for (;;) {
      const registration = await client.registration(registrationId);
      const { status, hub, deviceId, substatus } = registration ?? {};
      if (status === 'ASSIGNED' && hub && deviceId)
        return { registrationId, deviceId, hub, substatus: substatus ?? null };
      if (Date.now() > deadline) {
        throw new Error(`${registrationId} is on no hub after ${timeoutMs} ms: ${inWords(registration)}`);
      }
      await delay(pollMs);
    }
  }
}

function inWords(registration: Registration | null): string {
  if (registration === null) return 'it has no registration';
  const { status, reason, errorCode } = registration;
  return [status, errorCode, reason].filter((it) => it !== null).join(' ');
}
