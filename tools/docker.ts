// Containers without typing docker: `node tools/docker.ts engine|base|build`. See docker/README.md.
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { provideBaseImages } from './docker/base-images.ts';
import { type Engine, EngineUnavailable, findOrStartEngine } from './docker/engine.ts';
import { buildImage } from './docker/image.ts';

/** Exit code when no engine runs and none can be started: EX_UNAVAILABLE of sysexits.h. */
const exitUnavailable = 69;
const say = (line: string) => console.log(line);

/** Runs an engine of this clone's own for as long as this process runs; the other commands find it. */
async function runEngine(engine: Engine): Promise<void> {
  if (!engine.isOwn) return say('Nothing to start.');
  await provideBaseImages(engine.docker, say);
  say(`To use it: export DOCKER_HOST=${engine.docker.host}\nCtrl-C ends it.`);
  await new Promise<void>((resolve) => {
    for (const event of ['SIGINT', 'SIGTERM', 'disconnect']) process.once(event, () => resolve());
  });
}

async function build({ docker, isOwn }: Engine): Promise<void> {
  await provideBaseImages(docker, say);
  const { tag, bytes } = await buildImage(docker, say);
  say(`${tag}, ${(bytes / 1e6).toFixed(0)} MB over its base`);
  if (!isOwn) return;
  const file = join(import.meta.dirname, '..', '.docker', `${tag.replace(':', '-')}.tar`);
  await mkdir(join(file, '..'), { recursive: true });
  await docker.run(['save', '--output', file, tag], 5 * 60_000);
  say(`The engine goes with this command: the image is kept in ${file}, for \`docker load\``);
}

const commands: Record<string, (engine: Engine) => Promise<void>> = {
  engine: runEngine,
  base: ({ docker }) => provideBaseImages(docker, say),
  build,
};

const command = commands[process.argv[2] ?? ''];
if (!command) {
  console.error(`usage: node tools/docker.ts ${Object.keys(commands).join('|')}`);
  process.exit(64);
}
try {
  const engine = await findOrStartEngine(say);
  try {
    await command(engine);
  } finally {
    await engine.stop();
  }
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = error instanceof EngineUnavailable ? exitUnavailable : 1;
} finally {
  // Who listens for the end of the parent would otherwise wait for it.
  if (process.connected) process.disconnect();
}
