import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Kafka, logLevel } from 'kafkajs';
import { availableParallelism, loadavg } from 'node:os';
import { getContainerRuntimeClient, type StartedNetwork } from 'testcontainers';
import { ApacheKafkaContainer, type StartedApacheKafkaContainer } from './apache-kafka-container.js';
import { BerthRefused } from './berth-client.js';
import { BerthContainer } from './berth-container.js';
import { type StartedBerthContainer } from './started-berth-container.js';
import { startLoopbackNetwork } from './under-test/loopback-network.js';

const key = Buffer.alloc(32, 7).toString('base64');
const startsMs = 180_000;

describe('a Berth on embedded stores', () => {
  let berth: StartedBerthContainer;

  beforeAll(async () => {
    berth = await new BerthContainer()
      .withHubs(['hub-a', { name: 'hub-b', weight: 3 }])
      .withEnrollments([
        'press-01',
        { registrationId: 'press-02', attestation: { symmetricKey: { primary: key } }, deviceId: 'second-press' },
      ])
      .withSeed(
        [
          { hub: { name: 'hub-c', capacity: 1 } },
          { policy: { policy: 'STATIC', hubs: ['hub-c', 'hub-b'] } },
          { enrollment: { registrationId: 'press-03', attestation: { gateway: { sources: ['/gateways/one'] } } } },
          { registration: { registrationId: 'press-03', source: '/gateways/one' } },
        ]
          .map((step) => JSON.stringify(step))
          .join('\n'),
      )
      .start();
  }, startsMs);
  afterAll(() => berth?.stop());

  it('has carried out its seed, in order', async () => {
    expect(await berth.waitForAssignment('press-03')).toEqual({
      registrationId: 'press-03',
      deviceId: 'press-03',
      hub: 'hub-c',
      substatus: 'initialAssignment',
    });
    const loads = await berth.client().hubLoads();
    expect(loads.map(({ hub, devices }) => `${hub}: ${devices}`)).toEqual(['hub-a: 0', 'hub-b: 0', 'hub-c: 1']);
  });

  it('gives a hub to a device that an edge gateway vouches for, and to one with a key', async () => {
    await berth.register('press-01');
    await berth.register({ registrationId: 'press-02', symmetricKey: key });
    expect(await berth.waitForAssignment('press-01')).toMatchObject({ hub: 'hub-b' });
    expect(await berth.waitForAssignment('press-02')).toMatchObject({ hub: 'hub-b', deviceId: 'second-press' });
  });

  it('says what is known about a device that gets no hub', async () => {
    await berth.register('stranger');
    await expect(berth.waitForAssignment('stranger', 1000)).rejects.toThrow(/^stranger is on no hub after 1000 ms: /);
  });

  it('says what is missing for a broker that is on no network of its own', async () => {
    await expect(new BerthContainer().withKafka(berth).start()).rejects.toThrow('withNetwork');
  });

  it('demands its API key, on every address it gives', async () => {
    for (const url of [berth.graphqlUrl, berth.registrationsUrl]) {
      const response = await fetch(url, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: '{}',
      });
      expect(response.status).toBe(401);
    }
  });

  it('tells of a refusal with its code, and of an invalid document with its message', async () => {
    const again = berth.client().linkHub({ name: 'hub-a' });
    await expect(again).rejects.toMatchObject({
      userErrors: [expect.objectContaining({ code: 'HUB_ALREADY_LINKED' })],
    });
    await expect(berth.client().graphql('{ nonsense }')).rejects.toThrow('nonsense');
  });

  it('hands out its log', async () => {
    const log = await berth.logs();
    let text = '';
    for await (const chunk of log) {
      text += String(chunk);
      if (text.includes('Ready after')) break;
    }
    expect(text).toContain('Berth listens on');
    expect(berth.kafkaBrokers).toBeNull();
  });
});

it(
  'leaves no container behind when a hub is refused',
  async () => {
    const { container } = await getContainerRuntimeClient();
    const before = (await container.list()).length;
    const start = new BerthContainer().withHubs(['no hub has such a name']).start();
    await expect(start).rejects.toBeInstanceOf(BerthRefused);
    expect((await container.list()).length).toBe(before);
  },
  startsMs,
);

it(
  'starts within 5 s, the best of three on a machine that does nothing else',
  async () => {
    const seconds: number[] = [];
    for (let attempt = 0; attempt < 3; attempt += 1) {
      const started = performance.now();
      const berth = await new BerthContainer().start();
      seconds.push((performance.now() - started) / 1000);
      await berth.stop();
    }
    // Where more wants to run than there are cores, everything takes that much longer.
    const [load = 0] = loadavg();
    const crowd = Math.max(1, load / availableParallelism());
    console.log(`Started in ${seconds.map((it) => it.toFixed(1)).join(', ')} s, ${load.toFixed(1)} waiting for a core`);
    expect(Math.min(...seconds)).toBeLessThanOrEqual(5 * crowd);
  },
  startsMs,
);

describe('a Berth on Kafka', () => {
  let network: StartedNetwork;
  let kafka: StartedApacheKafkaContainer;
  let berth: StartedBerthContainer;

  beforeAll(async () => {
    network = await startLoopbackNetwork();
    kafka = await new ApacheKafkaContainer('apache/kafka:4.1.0').withNetwork(network).start();
    berth = await new BerthContainer().withKafka(kafka).withHubs(['hub-a']).withEnrollments(['press-01']).start();
  }, startsMs);
  afterAll(async () => {
    await berth?.stop();
    await kafka?.stop();
    await network?.stop();
  });

  it('answers on the topic that a test reads from outside', async () => {
    const client = new Kafka({ brokers: [...(berth.kafkaBrokers ?? [])], logLevel: logLevel.NOTHING });
    const consumer = client.consumer({ groupId: 'test' });
    await consumer.connect();
    try {
      await consumer.subscribe({ topic: 'berth.assignments', fromBeginning: true });
      const answer = new Promise<string>((resolve) => {
        void consumer.run({ eachMessage: async ({ message }) => resolve(String(message.value)) });
      });
      await berth.register('press-01');
      expect(JSON.parse(await answer)).toMatchObject({ data: { registrationId: 'press-01', hub: 'hub-a' } });
    } finally {
      await consumer.disconnect();
    }
  });
});
