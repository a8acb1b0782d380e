import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import {
  type ContainerRuntimeClient,
  GenericContainer,
  getContainerRuntimeClient,
  type StartedNetwork,
  type StartedTestContainer,
  Wait,
} from 'testcontainers';
import { startLoopbackNetwork } from '../../libs/testcontainers/src/under-test/loopback-network.js';
import { type ComposeService, composeServices } from './compose-file.js';

const docker = join(import.meta.dirname, '..');
const startupMs = 120_000;
const secondsOf = (text: string) => Number(text.replace(/s$/, ''));

export interface StackOptions {
  files: readonly string[];
  profiles: readonly string[];
  variables: Readonly<Record<string, string>>;
  /** What `make-secrets.sh` has made; stands in for the folder `secrets` of the files. */
  secrets: string;
  /** Ports to publish besides those of the files, by service. */
  published: Readonly<Record<string, number>>;
}

/** The services of compose files as containers on a network of their own, by their names. */
export class ComposeStack {
  readonly network: StartedNetwork;
  private readonly client: ContainerRuntimeClient;
  private readonly containers = new Map<string, StartedTestContainer>();

  private constructor(client: ContainerRuntimeClient, network: StartedNetwork) {
    this.client = client;
    this.network = network;
  }

  /** One after the other as they depend on each other, each waited for until it is healthy. */
  static async start(options: StackOptions, say: (line: string) => void): Promise<ComposeStack> {
    const stack = new ComposeStack(await getContainerRuntimeClient(), await startLoopbackNetwork());
    const files = options.files.map((file) => join(docker, file));
    try {
      for (const [name, service] of composeServices(files, options.variables, options.profiles)) {
        const started = performance.now();
        const container = new ServiceContainer(name, service, stack.network.getName(), options.secrets);
        const port = options.published[name];
        if (port !== undefined) container.withExposedPorts(port);
        stack.containers.set(name, await container.start());
        say(`  ${name.padEnd(12)} healthy after ${((performance.now() - started) / 1000).toFixed(1)} s`);
      }
      return stack;
    } catch (error) {
      await stack.stop();
      throw error;
    }
  }

  service(name: string): StartedTestContainer {
    const container = this.containers.get(name);
    if (!container) throw new Error(`There is no service ${name}`);
    return container;
  }

  async kill(name: string): Promise<void> {
    await this.docker(name).kill();
  }

  /** Again, after it has ended. */
  async restart(name: string): Promise<void> {
    await this.docker(name).start();
    await this.healthy(name);
  }

  async cutOff(name: string): Promise<void> {
    await this.dockerNetwork().disconnect({ Container: this.service(name).getId() });
  }

  async reconnect(name: string): Promise<void> {
    const EndpointConfig = { Aliases: [name] };
    await this.dockerNetwork().connect({ Container: this.service(name).getId(), EndpointConfig });
  }

  async isHealthy(name: string): Promise<boolean> {
    return (await this.docker(name).inspect()).State.Health?.Status === 'healthy';
  }

  /** What SIGTERM leads to: the seconds it took, and the exit code. */
  async terminate(name: string, graceS: number): Promise<{ seconds: number; exitCode: number }> {
    const started = performance.now();
    await this.docker(name).stop({ t: graceS });
    const seconds = (performance.now() - started) / 1000;
    return { seconds, exitCode: (await this.docker(name).inspect()).State.ExitCode };
  }

  /** The last lines of every service, for a failure to show. */
  async lastWords(lines: number): Promise<string> {
    const parts = [...this.containers].map(async ([name, container]) => {
      const output = await this.client.container.logs(this.client.container.getById(container.getId()), {
        tail: lines,
        follow: false,
      });
      let text = '';
      for await (const chunk of output) text += String(chunk);
      return `--- ${name}\n${text}`;
    });
    return (await Promise.all(parts)).join('\n');
  }

  /** In the order in which nobody misses anybody. */
  async stop(): Promise<void> {
    for (const container of [...this.containers.values()].reverse()) await container.stop();
    await this.network.stop();
  }

  private async healthy(name: string): Promise<void> {
    const deadline = Date.now() + startupMs;
    while (!(await this.isHealthy(name))) {
      if (Date.now() > deadline) throw new Error(`${name} did not become healthy`);
      await new Promise((wake) => setTimeout(wake, 100));
    }
  }

  private docker(name: string) {
    return this.client.container.getById(this.service(name).getId());
  }

  private dockerNetwork() {
    return this.client.network.getById(this.network.getId());
  }
}

/** A service of a compose file, its every line carried out. */
class ServiceContainer extends GenericContainer {
  constructor(name: string, service: ComposeService, network: string, secrets: string) {
    super(service.image);
    this.withStartupTimeout(startupMs).withWaitStrategy(Wait.forHealthCheck()).withNetworkMode(network);
    if (service.entrypoint) this.withEntrypoint(service.entrypoint);
    if (service.command) this.withCommand(service.command.split(' '));
    if (service.env_file) this.withEnvironment(readEnvFile(pathOf(`./${service.env_file}`, secrets)));
    this.withEnvironment(service.environment ?? {});
    if (service.healthcheck) {
      const { test, interval, timeout, retries } = service.healthcheck;
      const ms = (text: string) => secondsOf(text) * 1000;
      if (test[0] !== 'CMD') throw new Error(`${name}: a health check must be a CMD`);
      const command = test as ['CMD', ...string[]];
      this.withHealthCheck({ test: command, interval: ms(interval), timeout: ms(timeout), retries });
    }
    const mounts = (service.volumes ?? []).map((volume) => volume.split(':') as [string, string, string?]);
    Object.assign(this.hostConfig, {
      // A named volume is an anonymous one here, so that it goes with its container.
      Mounts: mounts.map(([source, target, mode]) =>
        source.startsWith('.')
          ? { Type: 'bind', Source: pathOf(source, secrets), Target: target, ReadOnly: mode === 'ro' }
          : { Type: 'volume', Source: '', Target: target },
      ),
      ReadonlyRootfs: service.read_only ?? false,
      Init: service.init ?? false,
      CapDrop: service.cap_drop ?? [],
      SecurityOpt: service.security_opt ?? [],
      Memory: bytesOf(service.mem_limit),
      NanoCpus: (service.cpus ?? 0) * 1e9,
      PidsLimit: service.pids_limit ?? 0,
      RestartPolicy: { Name: service.restart ?? 'no' },
    });
    for (const port of service.ports ?? []) this.publish(port);
    // Not through an alias of Testcontainers', which would put it on the default bridge too, and a cut would cut half of it.
    Object.assign(this.createOpts, { NetworkingConfig: { EndpointsConfig: { [network]: { Aliases: [name] } } } });
  }

  private publish(port: string): void {
    const [address, outside, inside] = port.split(':') as [string, string, string];
    this.hostConfig.PortBindings = {
      ...this.hostConfig.PortBindings,
      [`${inside}/tcp`]: [{ HostIp: address, HostPort: outside }],
    };
    this.createOpts.ExposedPorts = { ...this.createOpts.ExposedPorts, [`${inside}/tcp`]: {} };
  }
}

function pathOf(source: string, secrets: string): string {
  return resolve(docker, source).replace(join(docker, 'secrets'), secrets);
}

export function readEnvFile(path: string): Record<string, string> {
  const lines = readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => line !== '');
  return Object.fromEntries(lines.map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]));
}

function bytesOf(text: string | undefined): number {
  if (text === undefined) return 0;
  const [, amount, unit] = /^(\d+)([mg])$/.exec(text) ?? [];
  if (!unit) throw new Error(`${text} is no amount of memory known here`);
  return Number(amount) * 1024 ** (unit === 'g' ? 3 : 2);
}
