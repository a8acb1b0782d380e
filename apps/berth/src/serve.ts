import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { EndOfService, Readiness, type Settings } from '@berth/platform';
import { setTimeout as delay } from 'node:timers/promises';
import { BerthModule } from './berth.module.js';
import { type EmbeddedParts, type Engines, openEngines } from './engines.js';

/** Largest request body: a batch of registration events. GraphQL has a smaller limit of its own. */
const bodyBytesMax = 8 * 1024 * 1024;
/** How long stopping in order may take before the process ends all the same; nothing acknowledged is lost either way. */
const stopDeadlineMs = 10_000;

const say = (line: string) => console.log(line);

/** Composes Berth, listens, and resolves when it is ready; from then on it runs until a signal or the end of a part stops it. */
export async function serve(settings: Settings, parts: EmbeddedParts): Promise<void> {
  const engines = await openEngines(settings, parts);
  const app = await NestFactory.create<NestFastifyApplication>(
    BerthModule.forRoot(engines, settings.auth),
    new FastifyAdapter({ bodyLimit: bodyBytesMax }),
    { logger: ['error', 'warn'], abortOnError: false },
  );

  let stopping: Promise<void> | null = null;
  const stop = (why: string, exitCode: number) => {
    stopping ??= (async () => {
      say(`${why}: stopping …`);
      setTimeout(() => {
        console.error(`Stopping took longer than ${stopDeadlineMs} ms, ending now`);
        process.exit(1);
      }, stopDeadlineMs).unref();
      await app.close().catch((error: unknown) => console.error(error));
      await engines.close().catch((error: unknown) => console.error(error));
      say('Stopped');
      process.exit(exitCode);
    })();
  };
  process.on('SIGINT', () => stop('SIGINT', 0));
  process.on('SIGTERM', () => stop('SIGTERM', 0));
  // Whoever started this process with a channel is gone, perhaps killed: don't stay behind and hold the port.
  process.on('disconnect', () => stop('The starting process has ended', 0));
  engines.node?.onDeath((description) => stop(`The event store ended (${description})`, 1));
  void app.get(EndOfService).reported.then(({ part, error }) => {
    console.error(`The ${part} can't go on:`, error);
    stop(`The ${part} failed`, 1);
  });

  try {
    await app.listen(settings.httpPort, settings.host);
  } catch (error) {
    const isTaken = error instanceof Error && 'code' in error && error.code === 'EADDRINUSE';
    console.error(
      isTaken
        ? `Port ${settings.httpPort} on ${settings.host} is taken: stop what listens there, or set BERTH_HTTP_PORT`
        : error,
    );
    stop('Could not listen', 1);
    await stopping;
  }

  const url = (await app.getUrl()).replace('[::1]', 'localhost');
  announce(url, settings, engines);
  await becomeReady(app.get(Readiness));
  say(`Ready after ${(performance.now() / 1000).toFixed(1)} s. Ctrl-C stops Berth.`);
}

function announce(base: string, settings: Settings, { node, idScope }: Engines): void {
  say(`Berth listens on ${base}`);
  say(`  GraphQL        ${base}/graphql   (GraphiQL in a browser)`);
  say(`  registrations  ${base}/registrations`);
  say(`  health         ${base}/health/ready   metrics ${base}/metrics`);
  say(`  event store    ${node ? `${node.url} (embedded)` : 'as configured'}`);
  say(`  log            ${settings.kafka ? `Kafka at ${settings.kafka.brokers.join(', ')}` : 'embedded'}`);
  say(`  ID scope       ${idScope}`);
  say(`  data           ${settings.dataFolder}`);
}

async function becomeReady(readiness: Readiness): Promise<void> {
  while (Object.keys(readiness.pending()).length > 0) await delay(20);
}
