import type { EventLog } from '../log/event-log.js';
import { InvalidFilter } from '../log/event-filter.js';
import { EventSender } from './event-sender.js';
import { followAll, followStream, type Following } from './following.js';
import type { OpenCalls } from './open-calls.js';
import { ReadOutlet, type ReadCall } from './read-outlet.js';
import { parseReadRequest } from './read-request.js';
import { readAll, readStream } from './reading.js';
import { faulted, invalidArgument } from './statuses.js';

/** Serves one Read: a bounded read, or a subscription that lasts until either side ends it. */
export async function serveRead(call: ReadCall, log: EventLog, openCalls: OpenCalls): Promise<void> {
  const outlet = new ReadOutlet(call);
  openCalls.add(outlet);
  try {
    await run(call, log, outlet);
    outlet.end();
  } catch (error) {
    outlet.fail(error instanceof InvalidFilter ? invalidArgument(error.message) : faulted(error));
  } finally {
    openCalls.delete(outlet);
  }
}

async function run(call: ReadCall, log: EventLog, outlet: ReadOutlet): Promise<void> {
  const request = parseReadRequest(call.request);
  if (typeof request === 'string') {
    outlet.fail(invalidArgument(request));
    return;
  }
  const { reader, commits } = log;
  const reading: Following = { request, reader, commits, outlet, sender: new EventSender(reader, outlet, request) };
  const { stream, count } = request;
  if (count === undefined) await (stream === undefined ? followAll(reading) : followStream(stream, reading));
  else await (stream === undefined ? readAll(reading) : readStream(stream, reading));
}
