// The health check of the image: exit code 0 when the service that runs in this container can do its work.
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';

const service = readFileSync('/proc/1/cmdline', 'utf8').split('\0').filter(Boolean).at(-1);
const deadline = AbortSignal.timeout(3000);
try {
  if (service === 'event-store') {
    // It speaks gRPC only, over TLS, and to who has a password: that it listens must do.
    const socket = connect(Number(process.env['BERTH_EVENTSTORE_PORT']), '127.0.0.1');
    await once(socket, 'connect', { signal: deadline });
  } else {
    const url = `http://127.0.0.1:${process.env['BERTH_HTTP_PORT']}/health/ready`;
    const { status } = await fetch(url, { signal: deadline });
    if (status !== 200) throw new Error(`not ready: ${status}`);
  }
  process.exit(0);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
}
