import { createHash } from 'node:crypto';
import { cp, mkdir, mkdtemp, readdir, readFile, rename, rm, utimes, writeFile } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { kafkaJars } from '../kafka/jars.ts';
import { type DockerCli, runProgram } from './cli.ts';

const root = join(import.meta.dirname, '..', '..');
const recipes = join(root, 'docker', 'base');
const nodeBinary = join(root, 'node_modules', 'node', 'bin', 'node');
const minute = 60_000;
const pullMs = 20_000;

const debianRelease = 'bookworm';
const debian = `debian:${debianRelease}-slim`;

/**
 * The names that the Dockerfile, the compose file and the suites use. Where a registry can be reached they are the official
 * images; where none can, stand-ins of the same layout take their names.
 */
export const baseImages = {
  debian,
  node: `node:${process.versions.node}-${debianRelease}-slim`,
  kafka: 'apache/kafka:4.1.0',
  postgres: `postgres:15-${debianRelease}`,
} as const;

const names = Object.values(baseImages);
const standInLabel = 'io.berth.stand-in';

/** Sees to it that the engine has all base images: there already, from a registry, from the cache, or made here. */
export async function provideBaseImages(docker: DockerCli, say: (line: string) => void): Promise<void> {
  if (await hasAll(docker)) return say('The base images are there');
  const cached = join(cacheFolder, `base-images-${await recipeDigest()}.tar`);
  if (await loaded(docker, cached)) return say('The base images are there, loaded from the cache');
  if (await pulled(docker, say)) return say('A registry answers: these are the official images, nothing was made');
  await makeStandIns(docker, say);
  await save(docker, cached);
  say(`Kept for the next time in ${cacheFolder}`);
}

/** Whether the engine's base images were made here, which says that it has no registry. */
export async function hasStandIns(docker: DockerCli): Promise<boolean> {
  return (await docker.list(['image', 'ls', '--quiet', '--filter', `label=${standInLabel}`])).length > 0;
}

async function hasAll(docker: DockerCli): Promise<boolean> {
  for (const name of names) if (!(await docker.hasImage(name))) return false;
  return true;
}

async function pulled(docker: DockerCli, say: (line: string) => void): Promise<boolean> {
  try {
    // The smallest first, and quickly: where there is no registry the rest of the build waits for this to fail.
    await docker.run(['pull', '--quiet', debian], pullMs);
    for (const name of names) {
      say(`Pulling ${name} …`);
      await docker.run(['pull', '--quiet', name], 10 * minute);
    }
    return true;
  } catch {
    return false;
  }
}

async function makeStandIns(docker: DockerCli, say: (line: string) => void): Promise<void> {
  const scratch = await mkdtemp(join(tmpdir(), 'berth-base-'));
  const timed = async (name: string, make: () => Promise<void>) => {
    const started = performance.now();
    await make();
    say(`Made a stand-in for ${name} in ${((performance.now() - started) / 1000).toFixed(1)} s`);
  };
  try {
    say('No registry answers: making stand-ins for the base images');
    await timed(baseImages.debian, () => makeDebian(docker, scratch));
    await timed(baseImages.node, async () => {
      const context = await contextOf('node', scratch);
      await cp(nodeBinary, join(context, 'node'));
      await build(docker, baseImages.node, context);
    });
    await timed(baseImages.kafka, async () => {
      const context = await contextOf('kafka', scratch);
      await cp(await kafkaJars(), join(context, 'lib'), { recursive: true });
      await build(docker, baseImages.kafka, context);
    });
    await timed(baseImages.postgres, async () =>
      build(docker, baseImages.postgres, await contextOf('postgres', scratch)),
    );
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

async function contextOf(recipe: string, scratch: string): Promise<string> {
  const context = join(scratch, recipe);
  await cp(join(recipes, recipe), context, { recursive: true });
  return context;
}

async function build(docker: DockerCli, name: string, context: string): Promise<void> {
  // On the host's network, for an engine of our own gives a build no way out.
  const args = [
    'build',
    '--quiet',
    '--network',
    'host',
    '--build-arg',
    `DEBIAN_IMAGE=${debian}`,
    '--tag',
    name,
    context,
  ];
  await docker.run(args, 10 * minute);
}

/** A minimal Debian from the package mirror that this machine itself installs from. */
async function makeDebian(docker: DockerCli, scratch: string): Promise<void> {
  const tree = join(scratch, 'debian');
  const mirror = await mirrorOf(debianRelease);
  const args = ['--variant=minbase', debianRelease, tree, ...(mirror ? [mirror] : [])];
  await runProgram('debootstrap', args, { timeoutMs: 10 * minute });
  for (const path of [
    'var/cache/apt/archives',
    'var/lib/apt/lists',
    'usr/share/doc',
    'usr/share/man',
    'usr/share/locale',
  ])
    await rm(join(tree, path), { recursive: true, force: true });
  await mkdir(join(tree, 'var/cache/apt/archives/partial'), { recursive: true });
  await mkdir(join(tree, 'var/lib/apt/lists/partial'), { recursive: true });
  const without = ['/usr/share/doc/*', '/usr/share/man/*', '/usr/share/locale/*'].map((it) => `path-exclude=${it}\n`);
  await writeFile(join(tree, 'etc/dpkg/dpkg.cfg.d/docker'), without.join(''));
  const tar = join(scratch, 'debian.tar');
  await runProgram('tar', ['--directory', tree, '--create', '--file', tar, '--exclude=./dev/*', '.'], {
    timeoutMs: 5 * minute,
  });
  // The images made on it inherit the label.
  const changes = ['--change', 'CMD ["bash"]', '--change', `LABEL ${standInLabel}=true`];
  await docker.run(['import', ...changes, tar, debian], 5 * minute);
}

/** The address of a Debian archive that apt is configured with, if it has that release. */
async function mirrorOf(release: string): Promise<string | undefined> {
  const fields = ['indextargets', '--format', '$(REPO_URI) $(CODENAME) $(COMPONENT)', 'Created-By: Packages'];
  const { stdout } = await runProgram('apt-get', fields).catch(() => ({ stdout: '' }));
  const targets = stdout.split('\n').map((line) => line.split(' '));
  return targets.find(([, codename, component]) => codename === release && component === 'main')?.[0];
}

const cacheFolder = join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'berth', 'images');

/** Of everything a stand-in is made from, so that a changed recipe finds nothing in the cache. */
async function recipeDigest(): Promise<string> {
  const hash = createHash('sha256').update(names.join());
  const files = (await readdir(recipes, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile());
  const sources = [...files.map(({ parentPath, name }) => join(parentPath, name)), import.meta.filename];
  for (const file of [...sources, join(root, 'tools', 'kafka', 'pom.xml')].sort()) hash.update(await readFile(file));
  return hash.digest('hex').slice(0, 12);
}

async function loaded(docker: DockerCli, file: string): Promise<boolean> {
  try {
    await docker.run(['load', '--quiet', '--input', file], 5 * minute);
    const now = new Date();
    await utimes(file, now, now);
    return await hasAll(docker);
  } catch {
    return false;
  }
}

/** Beside its name first, for a save that was cut off must not pass for a whole one; older recipes' images go. */
async function save(docker: DockerCli, file: string): Promise<void> {
  await mkdir(cacheFolder, { recursive: true });
  const saving = `${file}.${process.pid}`;
  try {
    await docker.run(['save', '--output', saving, ...names], 5 * minute);
    for (const name of await readdir(cacheFolder)) {
      const path = join(cacheFolder, name);
      if (path !== saving) await rm(path, { force: true });
    }
    await rename(saving, file);
  } finally {
    await rm(saving, { force: true });
  }
}
