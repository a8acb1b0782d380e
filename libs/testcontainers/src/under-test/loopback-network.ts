import {
  getContainerRuntimeClient,
  getReaper,
  LABEL_TESTCONTAINERS_SESSION_ID,
  RandomUuid,
  StartedNetwork,
} from 'testcontainers';

/** A network whose containers publish their ports on loopback only, which Testcontainers' own can't be told. */
export async function startLoopbackNetwork(): Promise<StartedNetwork> {
  const client = await getContainerRuntimeClient();
  const { sessionId } = await getReaper(client);
  const name = new RandomUuid().nextUuid();
  const network = await client.network.create({
    Name: name,
    Driver: 'bridge',
    Options: { 'com.docker.network.bridge.host_binding_ipv4': '127.0.0.1' },
    Labels: { 'org.testcontainers': 'true', [LABEL_TESTCONTAINERS_SESSION_ID]: sessionId },
  });
  return new StartedNetwork(client, name, network);
}
