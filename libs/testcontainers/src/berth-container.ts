import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { GenericContainer, type StartedTestContainer, Wait } from 'testcontainers';
import { kafkaPortWithin } from './apache-kafka-container.js';
import { type Enrollment, type Hub } from './berth-client.js';
import { applySeed, enrollmentOf, hubOf, parseSeed, type SeedStep } from './seed.js';
import { httpPort, StartedBerthContainer } from './started-berth-container.js';

const startupMs = 60_000;
/** Also the longest that an answer may take. */
const pollMs = 250;
const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
  version: string;
};
/** The image of this module's version. */
const defaultImage = `berth:${version}`;
/** What an engine calls its networks that resolve no names. */
const networksWithoutNames = ['bridge', 'host', 'none', 'podman'];

/** A Berth, on embedded stores unless told otherwise. It demands an API key, made for each, which its client sends. */
export class BerthContainer extends GenericContainer {
  private readonly apiKey = randomBytes(16).toString('hex');
  private readonly seed: SeedStep[] = [];
  private kafka: StartedTestContainer | null = null;

  constructor(image: string = defaultImage) {
    super(image);
    this.withExposedPorts(httpPort)
      .withEnvironment({ BERTH_AUTH: 'apikey', BERTH_API_KEYS: `testcontainers:${this.apiKey}` })
      .withWaitStrategy(Wait.forHttp('/health/ready', httpPort).withReadTimeout(pollMs))
      .withStartupTimeout(startupMs);
  }

  /**
   * Registrations over this broker instead of the embedded log: an `ApacheKafkaContainer`, or a `KafkaContainer` of
   * `@testcontainers/kafka`. Both have to be on one network; without one of its own, Berth joins the broker's.
   */
  withKafka(kafka: StartedTestContainer): this {
    this.kafka = kafka;
    return this.withEnvironment({ BERTH_KAFKA_BROKERS: `${kafka.getHostname()}:${kafkaPortWithin}` });
  }

  /** @param url as seen from this container: `esdb://…` or `esdb+discover://…` */
  withEventStore(url: string): this {
    // A Berth with another key refuses to start on that store: for several Berths give them one of your own.
    const masterKey = this.environment['BERTH_MASTER_KEY'] ?? randomBytes(32).toString('base64');
    return this.withEnvironment({ BERTH_EVENTSTORE_URL: url, BERTH_MASTER_KEY: masterKey });
  }

  /** Linked once it runs. A bare name is a hub of weight 1 without a capacity. */
  withHubs(hubs: readonly (Hub | string)[]): this {
    this.seed.push(...hubs.map((hub) => ({ hub: hubOf(hub) })));
    return this;
  }

  /** Created once it runs. A bare id is the enrollment of a device that `register` may be called with. */
  withEnrollments(enrollments: readonly (Enrollment | string)[]): this {
    this.seed.push(...enrollments.map((enrollment) => ({ enrollment: enrollmentOf(enrollment) })));
    return this;
  }

  /**
   * Newline-delimited JSON, each line an object with one key: `hub`, `policy`, `enrollment` (the inputs of the GraphQL
   * mutations) or `registration` (a device). Carried out in order once it runs.
   * @throws Error naming the first line that is none of these.
   */
  withSeed(ndjson: string): this {
    this.seed.push(...parseSeed(ndjson));
    return this;
  }

  protected override async beforeContainerCreated(): Promise<void> {
    if (this.kafka === null || this.networkMode !== undefined) return;
    const network = this.kafka.getNetworkNames().find((name) => !networksWithoutNames.includes(name));
    if (network === undefined) throw new Error('withKafka: start the Kafka container withNetwork(…) first');
    this.withNetworkMode(network);
  }

  /** @throws BerthRefused when a hub or an enrollment is not accepted; the container is gone then. */
  override async start(): Promise<StartedBerthContainer> {
    const started = new StartedBerthContainer(await super.start(), this.apiKey, this.kafka);
    try {
      await applySeed(started.client(), this.seed);
    } catch (error) {
      await started.stop();
      throw error;
    }
    return started;
  }
}
