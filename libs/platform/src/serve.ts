import { type DynamicModule } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { setTimeout as delay } from 'node:timers/promises';
import { EndOfService } from './end-of-service.js';
import { OddRequests } from './odd-requests.js';
import { logOperations } from './operation-log.js';
import { Readiness } from './readiness.js';
import { exitBadSettings, type Settings, UnusableSettings } from './settings.js';

/** Largest request body: a batch of registration events. GraphQL has a smaller limit of its own. */
const bodyBytesMax = 8 * 1024 * 1024;
/** How long stopping in order may take before the process ends all the same; nothing acknowledged is lost either way. */
const stopDeadlineMs = 10_000;

const say = (line: string) => console.log(line);

export interface Service {
  /** Imports the platform's module. */
  module: DynamicModule;
  /** What is said at the start, given the base address: lines of label and text. */
  facts(base: string): readonly (readonly [label: string, text: string])[];
  /** Resolves, with why, when something it can't do without has ended. */
  ended?: Promise<string>;
  /** Closes what the service stands on; called once the application has closed. */
  close(): Promise<void>;
}

/**
 * Composes a service, listens, and resolves when it is ready; from then on it runs until a signal or the end of a part
 * stops it. When it can't be composed the process ends with the reason and exit code 1, or 78 for settings that can't be used.
 * @param name as it calls itself: `Berth`, `Berth's gateway`.
 */
export async function serve(
  name: string,
  settings: Pick<Settings, 'host' | 'httpPort' | 'tls' | 'logsOperations'>,
  compose: () => Promise<Service>,
): Promise<void> {
  const service = await compose().catch((error: unknown) => {
    console.error(`${name} cannot start: ${error instanceof Error ? error.message : String(error)}`);
    return process.exit(error instanceof UnusableSettings ? exitBadSettings : 1);
  });
  const httpsOptions = settings.tls && { ...settings.tls, minVersion: 'TLSv1.2' as const };
  const adapter = new FastifyAdapter({ bodyLimit: bodyBytesMax, ...(httpsOptions && { https: httpsOptions }) });
  const oddRequests = new OddRequests(adapter.getInstance());
  if (settings.logsOperations) logOperations(adapter.getInstance(), (line) => say(JSON.stringify(line)));
  const app = await NestFactory.create<NestFastifyApplication>(service.module, adapter, {
    logger: ['error', 'warn'],
    abortOnError: false,
    ...(httpsOptions && { httpsOptions }),
  });
  app.useGlobalFilters(oddRequests);

  let stopping: Promise<void> | null = null;
  app
    .getHttpAdapter()
    .getInstance()
    .addHook('onResponse', async () => {
      // A connection that was busy when the server closed would stay open for its keep-alive, and stopping would wait for it.
      if (stopping) setImmediate(() => app.getHttpServer().closeIdleConnections());
    });
  const stop = (why: string, exitCode: number) => {
    stopping ??= (async () => {
      say(`${why}: stopping …`);
      setTimeout(() => {
        console.error(`Stopping took longer than ${stopDeadlineMs} ms, ending now`);
        process.exit(1);
      }, stopDeadlineMs).unref();
      await app.close().catch((error: unknown) => console.error(error));
      await service.close().catch((error: unknown) => console.error(error));
      say('Stopped');
      process.exit(exitCode);
    })();
  };
  process.on('SIGINT', () => stop('SIGINT', 0));
  process.on('SIGTERM', () => stop('SIGTERM', 0));
  // Whoever started this process with a channel is gone, perhaps killed: don't stay behind and hold the port.
  process.on('disconnect', () => stop('The starting process has ended', 0));
  void service.ended?.then((why) => stop(why, 1));
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

  const base = (await app.getUrl()).replace('[::1]', 'localhost');
  const health = [['health', `${base}/health/ready   metrics ${base}/metrics`]] as const;
  say(`${name} listens on ${base}`);
  for (const [label, text] of [...service.facts(base), ...health]) say(`  ${label.padEnd(13)}  ${text}`);
  await becomeReady(app.get(Readiness));
  say(`Ready after ${(performance.now() / 1000).toFixed(1)} s. Ctrl-C stops ${name}.`);
}

async function becomeReady(readiness: Readiness): Promise<void> {
  while (Object.keys(readiness.pending()).length > 0) await delay(20);
}
