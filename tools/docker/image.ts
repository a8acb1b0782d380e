import { createHash } from 'node:crypto';
import { cp, mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { baseImages } from './base-images.ts';
import { type DockerCli, runProgram } from './cli.ts';

const root = join(import.meta.dirname, '..', '..');
const minute = 60_000;
/** Of a workspace's folder, what no image needs. */
const leftOut = new Set(['src', 'bench', 'e2e', 'node_modules', 'under-test']);
/** Of the dependencies, what nothing loads at run time. TypeScript is a peer of the GraphQL plug-in for compilers. */
const neverLoaded = ['*.map', '*.d.ts', '*.d.mts', '*.d.cts', './node_modules/typescript', './node_modules/.bin'];

export interface BuiltImage {
  /** The same files under the same base give the same one: `berth:<version>-<digest>`. */
  tag: string;
  /** Over its base. */
  bytes: number;
}

/** The name under which the newest build is found: `berth:<version>`. */
export const imageName = async () => `berth:${await version()}`;

/** Builds the image of all services, unless the engine has it: tagged `berth:<version>-<digest>` and `berth:<version>`. */
export async function buildImage(docker: DockerCli, say: (line: string) => void): Promise<BuiltImage> {
  const scratch = await mkdtemp(join(tmpdir(), 'berth-image-'));
  const [tree, context] = [join(scratch, 'tree'), join(scratch, 'context')];
  try {
    await layOutCode(tree);
    await cp(join(root, 'docker', 'Dockerfile'), join(context, 'Dockerfile'));
    const tag = `${await imageName()}-${await digestOf(scratch)}`;
    if (await docker.hasImage(tag)) say(`${tag} is there`);
    else {
      say(`Building ${tag} …`);
      await installProductionDependencies(tree);
      // One file: an engine takes far longer over twenty thousand.
      const without = neverLoaded.map((pattern) => `--exclude=${pattern}`);
      await runProgram('tar', [
        '-C',
        tree,
        '--owner=0',
        '--group=0',
        ...without,
        '-cf',
        join(context, 'tree.tar'),
        '.',
      ]);
      await docker.run(await buildArguments(tag, context), 10 * minute);
    }
    await docker.run(['tag', tag, await imageName()]);
    return { tag, bytes: (await sizeOf(docker, tag)) - (await sizeOf(docker, baseImages.node)) };
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

async function buildArguments(tag: string, context: string): Promise<string[]> {
  const { stdout: revision } = await runProgram('git', ['-C', root, 'rev-parse', 'HEAD']).catch(() => ({ stdout: '' }));
  const values = { NODE_IMAGE: baseImages.node, VERSION: await version(), REVISION: revision.trim() };
  const args = Object.entries(values).flatMap(([name, value]) => ['--build-arg', `${name}=${value}`]);
  return ['build', '--quiet', ...args, '--tag', tag, context];
}

/** Everything but the dependencies. */
async function layOutCode(tree: string): Promise<void> {
  for (const file of ['package.json', 'package-lock.json']) await cp(join(root, file), join(tree, file));
  for (const file of ['service.js', 'health.js']) await cp(join(root, 'docker', file), join(tree, file));
  for (const kind of ['apps', 'libs']) {
    await mkdir(join(tree, kind));
    for (const name of await readdir(join(root, kind))) {
      const folder = join(root, kind, name);
      if (await isForTestsOnly(folder)) continue;
      await cp(folder, join(tree, kind, name), {
        recursive: true,
        filter: (path) => path === folder || !leftOut.has(basename(path)),
      });
    }
  }
}

async function isForTestsOnly(folder: string): Promise<boolean> {
  const { nx } = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8')) as { nx?: { tags?: string[] } };
  return nx?.tags?.includes('type:testing') ?? false;
}

/** Exactly those of the lock. None of them has anything to compile, so no script runs. */
async function installProductionDependencies(tree: string): Promise<void> {
  const args = ['ci', '--omit=dev', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
  await runProgram('npm', args, { cwd: tree, timeoutMs: 10 * minute });
}

async function digestOf(folder: string): Promise<string> {
  const hash = createHash('sha256').update(baseImages.node);
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map(({ parentPath, name }) => join(parentPath, name));
  for (const file of files.sort()) hash.update(`${file.slice(folder.length)}\0`).update(await readFile(file));
  return hash.digest('hex').slice(0, 12);
}

async function sizeOf(docker: DockerCli, name: string): Promise<number> {
  return Number(await docker.run(['image', 'inspect', '--format', '{{.Size}}', name]));
}

async function version(): Promise<string> {
  return (JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as { version: string }).version;
}
