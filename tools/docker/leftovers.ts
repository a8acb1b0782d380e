import { type DockerCli } from './cli.ts';

/** What Testcontainers puts on everything it makes. */
const label = 'label=org.testcontainers=true';
const commands = { container: ['ps', '--all', '--no-trunc'], network: ['network', 'ls', '--no-trunc'] } as const;

/** Containers and networks that suites made and did not remove. */
export class Leftovers {
  private readonly docker: DockerCli;
  private readonly images: readonly string[];
  private readonly before: Set<string>;

  private constructor(docker: DockerCli, images: readonly string[], before: Set<string>) {
    this.docker = docker;
    this.images = images;
    this.before = before;
  }

  /** @param images of the containers that are looked at: on another's engine there may be other people's. */
  static async since(docker: DockerCli, images: readonly string[]): Promise<Leftovers> {
    const leftovers = new Leftovers(docker, images, new Set());
    const there = [...(await leftovers.containers()), ...(await leftovers.networks())];
    return new Leftovers(docker, images, new Set(there.map(([id]) => id)));
  }

  /** Removes what was not there before; gives the names. */
  async sweep(): Promise<string[]> {
    const isNew = ([id]: Named) => !this.before.has(id);
    const containers = (await this.containers()).filter(isNew);
    for (const [id] of containers) await this.docker.run(['rm', '--force', '--volumes', id]);
    const networks = (await this.networks()).filter(isNew);
    // One that other people's containers are on stays.
    for (const [id] of networks) await this.docker.run(['network', 'rm', id]).catch(() => undefined);
    return [...containers, ...networks].map(([, name]) => name);
  }

  private async containers(): Promise<Named[]> {
    const rows = await this.rows('container', '{{.ID}} {{.Names}} {{.Image}}');
    return rows.filter(([, , image]) => this.images.includes(image ?? '')).map(([id, name]) => [id, name]);
  }

  private async networks(): Promise<Named[]> {
    return (await this.rows('network', '{{.ID}} {{.Name}}')).map(([id, name]) => [id, name]);
  }

  private async rows(kind: keyof typeof commands, format: string): Promise<[string, string, string?][]> {
    const lines = await this.docker.list([...commands[kind], '--filter', label, '--format', format]);
    return lines.map((line) => line.split(' ') as [string, string, string?]);
  }
}

type Named = [id: string, name: string];
