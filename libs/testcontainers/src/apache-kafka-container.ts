import {
  AbstractStartedContainer,
  BoundPorts,
  GenericContainer,
  getContainerRuntimeClient,
  type InspectResult,
  Wait,
} from 'testcontainers';

/** For clients outside the network; the ports are those of `@testcontainers/kafka`, so that either may be used. */
export const kafkaPort = 9093;
/** For containers on its network, at its host name. */
export const kafkaPortWithin = 9092;
const controllerPort = 9094;
const starter = '/tmp/testcontainers_start.sh';
const startupMs = 120_000;

/** A single broker from the official `apache/kafka` image, which `@testcontainers/kafka` doesn't know. */
export class ApacheKafkaContainer extends GenericContainer {
  private id = '';

  constructor(image: string) {
    super(image);
    this.withExposedPorts(kafkaPort)
      .withStartupTimeout(startupMs)
      .withEnvironment({
        KAFKA_NODE_ID: '1',
        KAFKA_PROCESS_ROLES: 'broker,controller',
        KAFKA_CONTROLLER_QUORUM_VOTERS: `1@localhost:${controllerPort}`,
        KAFKA_CONTROLLER_LISTENER_NAMES: 'CONTROLLER',
        KAFKA_LISTENERS: `OUTSIDE://0.0.0.0:${kafkaPort},WITHIN://0.0.0.0:${kafkaPortWithin},CONTROLLER://0.0.0.0:${controllerPort}`,
        KAFKA_LISTENER_SECURITY_PROTOCOL_MAP: 'OUTSIDE:PLAINTEXT,WITHIN:PLAINTEXT,CONTROLLER:PLAINTEXT',
        KAFKA_INTER_BROKER_LISTENER_NAME: 'WITHIN',
        KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR: '1',
        KAFKA_OFFSETS_TOPIC_NUM_PARTITIONS: '4',
        KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR: '1',
        KAFKA_TRANSACTION_STATE_LOG_MIN_ISR: '1',
        KAFKA_SHARE_COORDINATOR_STATE_TOPIC_REPLICATION_FACTOR: '1',
        KAFKA_SHARE_COORDINATOR_STATE_TOPIC_MIN_ISR: '1',
        KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS: '0',
        KAFKA_AUTO_CREATE_TOPICS_ENABLE: 'false',
        KAFKA_HEAP_OPTS: '-Xms128m -Xmx512m',
      })
      // What it advertises is known only once the engine has chosen a port: the broker waits for it.
      .withEntrypoint(['bash', '-c', `until [ -f ${starter} ]; do sleep 0.1; done; exec bash ${starter}`])
      .withWaitStrategy(Wait.forLogMessage(/Kafka Server started/));
  }

  protected override async containerCreated(id: string): Promise<void> {
    this.id = id;
  }

  protected override async containerStarting(inspected: InspectResult): Promise<void> {
    const { container, info } = await getContainerRuntimeClient();
    const { host, hostIps } = info.containerRuntime;
    const port = BoundPorts.fromInspectResult(hostIps, inspected).getBinding(kafkaPort);
    const advertised = `OUTSIDE://${host}:${port},WITHIN://${inspected.hostname}:${kafkaPortWithin}`;
    const script = `export KAFKA_ADVERTISED_LISTENERS=${advertised}\nexec /etc/kafka/docker/run`;
    // Under another name first: the waiting shell must not run half of it.
    const write = `echo '${script}' > ${starter}.part && mv ${starter}.part ${starter}`;
    const { exitCode, output } = await container.exec(container.getById(this.id), ['bash', '-c', write]);
    if (exitCode !== 0) throw new Error(`The broker could not be told its address: ${output}`);
  }

  override async start(): Promise<StartedApacheKafkaContainer> {
    return new StartedApacheKafkaContainer(await super.start());
  }
}

export class StartedApacheKafkaContainer extends AbstractStartedContainer {
  /** As seen from the test. */
  get brokers(): string[] {
    return [`${this.getHost()}:${this.getMappedPort(kafkaPort)}`];
  }
}
