import { randomUUID } from 'node:crypto';
import { Server, ServerCredentials } from '@grpc/grpc-js';
import { addGossip } from './grpc/gossip.js';
import type { ReadOutlet } from './grpc/read-outlet.js';
import { addServerFeatures } from './grpc/server-features.js';
import { stopping } from './grpc/statuses.js';
import { addStreamsService } from './grpc/streams-service.js';
import { EventLog } from './log/event-log.js';

export interface EventStoreNodeOptions {
  /** Made when missing. One node at a time owns it. */
  readonly dataFolder: string;
  /** Address to bind to and to advertise; 127.0.0.1 by default. */
  readonly host?: string;
  /** 0, the default: a free port. */
  readonly port?: number;
  /** Largest append, counted as data + metadata + twice the type's length; 1 MiB by default, like EventStoreDB 24.10. */
  readonly appendBytesMax?: number;
  /** How long to wait for a dying predecessor to let go of the folder; 5 s by default. */
  readonly lockPatienceMs?: number;
}

export interface EventStoreNode {
  readonly host: string;
  readonly port: number;
  /** `esdb://…`, for the published client. */
  readonly connectionString: string;
  /** Answers what is under way, ends subscriptions as unavailable, and lets go of the folder. May be called again. */
  stop(): Promise<void>;
}

/** A real server accepts messages of this size too; the append limit is checked after decoding. */
const MESSAGE_BYTES_MAX = 17 * 1024 * 1024;
const SHUTDOWN_GRACE_MS = 1_000;

/**
 * Opens the folder and serves it over gRPC. Meant for a process of its own: SQLite blocks the event loop while it writes.
 * @throws DataFolderInUse when another process holds the folder; an error of the system when the port can't be bound.
 */
export async function startEventStoreNode(options: EventStoreNodeOptions): Promise<EventStoreNode> {
  const { dataFolder, host = '127.0.0.1', appendBytesMax = 1024 * 1024, lockPatienceMs = 5_000 } = options;
  const log = await EventLog.open({ folder: dataFolder, lockPatienceMs });
  const outlets = new Set<ReadOutlet>();
  const server = new Server({
    'grpc.max_receive_message_length': MESSAGE_BYTES_MAX,
    'grpc.max_send_message_length': -1,
  });
  let port = options.port ?? 0;
  addServerFeatures(server);
  addGossip(server, { instanceId: randomUUID(), host, port: () => port });
  addStreamsService(server, { log, limits: { appendBytesMax }, outlets });
  try {
    port = await bind(server, host, port);
  } catch (error) {
    log.close();
    throw error;
  }
  let stopped: Promise<void> | undefined;
  return {
    host,
    port,
    connectionString: `esdb://${bracketed(host)}:${port}?tls=false`,
    stop: () => (stopped ??= stop(server, log, outlets)),
  };
}

function bind(server: Server, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.bindAsync(`${bracketed(host)}:${port}`, ServerCredentials.createInsecure(), (error, bound) => {
      if (error) reject(error);
      else resolve(bound);
    });
  });
}

async function stop(server: Server, log: EventLog, outlets: ReadonlySet<ReadOutlet>): Promise<void> {
  // Commits and answers first what was taken in; what comes later is refused by the closed log.
  log.close();
  for (const outlet of outlets) outlet.fail(stopping());
  await new Promise<void>((resolve) => {
    const grace = setTimeout(resolve, SHUTDOWN_GRACE_MS);
    server.tryShutdown(() => {
      clearTimeout(grace);
      resolve();
    });
  });
  server.forceShutdown();
}

function bracketed(host: string): string {
  return host.includes(':') ? `[${host}]` : host;
}
