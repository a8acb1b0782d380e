import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { BerthContainer, type StartedBerthContainer } from '@berth/testcontainers';
import { eventually } from '@berth/testing';
import { type ContainerRuntimeClient, GenericContainer, getContainerRuntimeClient, Wait } from 'testcontainers';
import { baseImages } from '../../tools/docker/base-images.js';
import { imageName } from '../../tools/docker/image.js';

const megabyte = 1e6;
const sizeMax = 250 * megabyte;
const drainS = 10;
const startsMs = 180_000;

let client: ContainerRuntimeClient;
let image: string;
beforeAll(async () => {
  client = await getContainerRuntimeClient();
  image = await imageName();
});

const inspectImage = (name: string) => client.container.dockerode.getImage(name).inspect();

/** As operators are told to run it: nothing is writable but the data volume. */
class ReadOnlyBerth extends BerthContainer {
  constructor() {
    super();
    Object.assign(this.hostConfig, { ReadonlyRootfs: true, CapDrop: ['ALL'], SecurityOpt: ['no-new-privileges'] });
  }
}

describe('the image', () => {
  it('adds at most 250 MB to its base', async () => {
    const [whole, base] = await Promise.all([inspectImage(image), inspectImage(baseImages.node)]);
    console.log(`${((whole.Size - base.Size) / megabyte).toFixed(0)} MB over its base`);
    expect(whole.Size - base.Size).toBeLessThanOrEqual(sizeMax);
  });

  it('is nobody special, says what it is, and has one place for data', async () => {
    const { Config, RepoTags } = await inspectImage(image);
    expect(Config).toMatchObject({
      User: '1000:1000',
      Volumes: { '/data': {} },
      StopSignal: 'SIGTERM',
      Healthcheck: { Test: ['CMD', 'node', 'health.js'] },
      Labels: {
        'org.opencontainers.image.title': 'Berth',
        'org.opencontainers.image.licenses': 'Apache-2.0',
        'org.opencontainers.image.version': image.split(':')[1],
        'org.opencontainers.image.revision': expect.stringMatching(/^([0-9a-f]{40})?$/),
      },
    });
    expect(RepoTags).toContainEqual(expect.stringMatching(/^berth:\d+\.\d+\.\d+-[0-9a-f]{12}$/));
  });

  it.each([
    ['an unknown service', ['no-such-service'], {}, 64, 'the command is one of allocator, berth, event-store, gateway'],
    ['no API key', ['berth'], {}, 78, 'BERTH_AUTH must not be none'],
    ['no engines', ['gateway'], { BERTH_AUTH: 'apikey', BERTH_API_KEYS: 'a:b' }, 78, 'BERTH_DATABASE_URL is required'],
    ['no TLS', ['event-store'], {}, 78, 'BERTH_EVENTSTORE_TLS_CERT'],
  ])('refuses %s in words', async (_what, command, environment, exitCode, words) => {
    const ended = await new GenericContainer(image)
      .withCommand(command)
      .withEnvironment(environment)
      .withWaitStrategy(Wait.forLogMessage(words))
      .start();
    const container = client.container.getById(ended.getId());
    const { StatusCode } = (await container.wait()) as { StatusCode: number };
    await ended.stop();
    expect(StatusCode).toBe(exitCode);
  });
});

describe('the image as operators run it', () => {
  let berth: StartedBerthContainer;
  const devices = Array.from({ length: 50 }, (_, index) => `device-${index}`);

  beforeAll(async () => {
    berth = await new ReadOnlyBerth().withHubs(['hub-a', 'hub-b']).withEnrollments(devices).start();
  }, startsMs);
  afterAll(() => berth?.stop());

  const docker = () => client.container.getById(berth.getId());

  it('runs as user 1000 and writes nowhere but to its data', async () => {
    expect((await berth.exec(['id', '-u'])).output.trim()).toBe('1000');
    for (const folder of ['/', '/berth', '/tmp', '/home/node', '/etc']) {
      expect((await berth.exec(['touch', `${folder}/x`])).exitCode).not.toBe(0);
    }
    expect((await berth.exec(['touch', '/data/x'])).exitCode).toBe(0);
  });

  it('publishes on loopback only, where the engine is one of our own', async () => {
    if (process.env['BERTH_LOOPBACK_ONLY'] !== '1') return;
    const { NetworkSettings } = await docker().inspect();
    expect(NetworkSettings.Ports['4000/tcp']?.map(({ HostIp }) => HostIp)).toEqual(['127.0.0.1']);
  });

  it('loads what was compiled when it was built', async () => {
    const script = "process.stdout.write(require('node:module').enableCompileCache().directory ?? 'none')";
    expect((await berth.exec(['node', '-e', script])).output).toMatch(/^\/berth\/\.compiled\//);
  });

  it('becomes healthy', async () => {
    const isHealthy = async () => (await docker().inspect()).State.Health?.Status === 'healthy';
    await eventually('the health check to pass', isHealthy, 60_000);
  });

  it(
    'ends within 10 s of SIGTERM while devices register, and knows afterwards what it had acknowledged',
    async () => {
      const acknowledged: string[] = [];
      const all = devices.values();
      const registering = Array.from({ length: 4 }, async () => {
        for (const device of all) {
          await berth.register(device);
          acknowledged.push(device);
        }
      });
      const settled = Promise.allSettled(registering);
      await eventually('some devices to be acknowledged', () => acknowledged.length >= devices.length / 5);
      const started = performance.now();
      await docker().stop({ t: drainS + 5 });
      const seconds = (performance.now() - started) / 1000;
      await settled;
      console.log(`Ended ${seconds.toFixed(1)} s after SIGTERM with ${acknowledged.length} registrations acknowledged`);
      const exitCode = (await docker().inspect()).State.ExitCode;
      if (exitCode !== 0) console.log((await docker().logs({ stdout: true, stderr: true, tail: 30 })).toString());
      expect(exitCode).toBe(0);
      expect(seconds).toBeLessThanOrEqual(drainS);

      await berth.restart();
      for (const device of acknowledged) await berth.waitForAssignment(device);
    },
    startsMs,
  );
});
