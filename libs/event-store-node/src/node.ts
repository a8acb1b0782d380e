import { randomUUID } from 'node:crypto';
import { isIP } from 'node:net';
import { Server, ServerCredentials } from '@grpc/grpc-js';
import { requireAdmin, type AdminUser } from './grpc/credentials.js';
import { addGossip } from './grpc/gossip.js';
import { OpenCalls } from './grpc/open-calls.js';
import { addRefusedServices } from './grpc/refused-services.js';
import { addServerFeatures } from './grpc/server-features.js';
import { addStreamsService } from './grpc/streams-service.js';
import { EventLog } from './log/event-log.js';

export interface EventStoreNodeOptions {
  /** Made when missing. One node at a time owns it. */
  readonly dataFolder: string;
  /** Address to bind to; 127.0.0.1 by default. Any but a loopback address needs {@link admin} and {@link tls}. */
  readonly host?: string;
  /** 0, the default: a free port. */
  readonly port?: number;
  /** Largest append, counted as data + metadata + twice the type's length; 1 MiB by default, like EventStoreDB 24.10. */
  readonly appendBytesMax?: number;
  /** Size the data may grow to; appends beyond it fail like on a full disk. No bound by default. */
  readonly dataBytesMax?: number;
  /** Asked of every call but those a client makes to find its way. Nothing is asked by default. */
  readonly admin?: AdminUser;
  /** Serves TLS with this certificate chain and key, both PEM. Plain text by default. */
  readonly tls?: { readonly certificate: Buffer; readonly privateKey: Buffer };
  /** How long to wait for a dying predecessor to let go of the folder; 5 s by default. */
  readonly lockPatienceMs?: number;
}

export interface EventStoreNode {
  readonly host: string;
  readonly port: number;
  /** `esdb://…`, for the published client. Holds no credentials. */
  readonly connectionString: string;
  /** Answers what is under way, ends subscriptions as unavailable, and lets go of the folder. May be called again. */
  stop(): Promise<void>;
}

/** A real server accepts messages of this size too; the append limit is checked after decoding. */
const MESSAGE_BYTES_MAX = 17 * 1024 * 1024;
/** Per connection: calls beyond it wait in the client. Far above what one process subscribes to. */
const CALLS_MAX = 10_000;
const SHUTDOWN_GRACE_MS = 1_000;

/**
 * Opens the folder and serves it over gRPC. Meant for a process of its own: SQLite blocks the event loop while it writes.
 * @throws DataFolderInUse when another process holds the folder; an error of the system when the port can't be bound.
 */
export async function startEventStoreNode(options: EventStoreNodeOptions): Promise<EventStoreNode> {
  const { dataFolder, host = '127.0.0.1', appendBytesMax = 1024 * 1024, lockPatienceMs = 5_000, admin, tls } = options;
  if (!isLoopback(host) && !(admin && tls)) throw new Error(`An event store on ${host} needs an admin user and TLS.`);
  const log = await EventLog.open({ folder: dataFolder, lockPatienceMs, dataBytesMax: options.dataBytesMax });
  const openCalls = new OpenCalls();
  const server = new Server({
    'grpc.max_receive_message_length': MESSAGE_BYTES_MAX,
    'grpc.max_send_message_length': -1,
    'grpc.max_concurrent_streams': CALLS_MAX,
    interceptors: admin ? [requireAdmin(admin)] : [],
  });
  let port = options.port ?? 0;
  addServerFeatures(server);
  addGossip(server, { instanceId: randomUUID(), host, port: () => port });
  addStreamsService(server, { log, limits: { appendBytesMax }, openCalls });
  addRefusedServices(server);
  try {
    port = await bind(server, `${bracketed(host)}:${port}`, tls);
  } catch (error) {
    log.close();
    throw error;
  }
  let stopped: Promise<void> | undefined;
  return {
    host,
    port,
    connectionString: `esdb://${bracketed(host)}:${port}?tls=${tls !== undefined}`,
    stop: () => (stopped ??= stop(server, log, openCalls)),
  };
}

function bind(server: Server, address: string, tls: EventStoreNodeOptions['tls']): Promise<number> {
  const credentials = tls
    ? ServerCredentials.createSsl(null, [{ cert_chain: tls.certificate, private_key: tls.privateKey }])
    : ServerCredentials.createInsecure();
  return new Promise((resolve, reject) => {
    server.bindAsync(address, credentials, (error, port) => {
      if (error) reject(error);
      else resolve(port);
    });
  });
}

async function stop(server: Server, log: EventLog, openCalls: OpenCalls): Promise<void> {
  // Commits and answers first what was taken in; the calls end behind those answers.
  log.close();
  openCalls.endAll();
  await new Promise<void>((resolve) => {
    const grace = setTimeout(resolve, SHUTDOWN_GRACE_MS);
    server.tryShutdown(() => {
      clearTimeout(grace);
      resolve();
    });
  });
  server.forceShutdown();
}

export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}

function bracketed(host: string): string {
  return host.includes(':') ? `[${host}]` : host;
}
