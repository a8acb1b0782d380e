import { AbstractStartedContainer, type StartedTestContainer } from 'testcontainers';
import { setTimeout as delay } from 'node:timers/promises';
import { type BerthClient, type Registration } from './berth-client.js';
import { type Device, registrationEvent } from './device.js';

const assignmentMs = 30_000;
const pollMs = 25;

/** Where a device is. */
export interface Assignment {
  registrationId: string;
  deviceId: string;
  hub: string;
  substatus: string | null;
}

export class StartedBerthContainer extends AbstractStartedContainer {
  /** Base address, as seen from the test. */
  readonly url: string;
  /** As seen from the test; null on the embedded log. */
  readonly kafkaBrokers: readonly string[] | null;
  private readonly berth: BerthClient;
  private idScope: string | null = null;

  constructor(started: StartedTestContainer, url: string, client: BerthClient, kafkaBrokers: readonly string[] | null) {
    super(started);
    this.url = url;
    this.berth = client;
    this.kafkaBrokers = kafkaBrokers;
  }

  get graphqlUrl(): string {
    return `${this.url}/graphql`;
  }

  get registrationsUrl(): string {
    return `${this.url}/registrations`;
  }

  /** Sends this container's API key. */
  client(): BerthClient {
    return this.berth;
  }

  /** Publishes the device's wish over HTTP; resolves once it is durable. A bare id comes through the test's edge gateway. */
  async register(device: Device | string): Promise<void> {
    this.idScope ??= await this.berth.idScope();
    const whole = typeof device === 'string' ? { registrationId: device } : device;
    await this.berth.publish([registrationEvent(whole, this.idScope)]);
  }

  /**
   * Resolves once GraphQL shows the device on a hub, at once if it is on one already.
   * @throws Error saying what GraphQL showed last, when it is on none within `timeoutMs`.
   */
  async waitForAssignment(registrationId: string, timeoutMs: number = assignmentMs): Promise<Assignment> {
    const deadline = Date.now() + timeoutMs;
    for (;;) {
      const registration = await this.berth.registration(registrationId);
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
