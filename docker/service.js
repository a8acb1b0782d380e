// The entry point of the image: runs the service that the command names. Plain JavaScript, copied into the image as it stands.
import { existsSync, readdirSync } from 'node:fs';

/** EX_USAGE of sysexits.h. */
const exitUsage = 64;
/** What a shell reports of a program that SIGTERM ended. */
const exitTerminated = 143;

const apps = new URL('apps/', import.meta.url);
const [service = 'berth'] = process.argv.slice(2);
const main = new URL(`${service}/dist/main.js`, apps);
if (!/^[a-z-]+$/.test(service) || !existsSync(main)) {
  console.error(`There is no service '${service}': the command is one of ${readdirSync(apps).sort().join(', ')}`);
  process.exit(exitUsage);
}

// The kernel drops a signal that the first process of a container does not handle, and a service handles it only once it is
// loaded: until then this does.
process.on('SIGTERM', () => {
  if (process.listenerCount('SIGTERM') === 1) process.exit(exitTerminated);
});

await import(main.href);
