import { LogFault } from '../log-fault.js';

/** What kafkajs throws, as far as it matters here. */
interface KafkaError {
  name?: unknown;
  type?: unknown;
  code?: unknown;
  retriable?: unknown;
  cause?: unknown;
}

const chainMax = 10;

/** The first error of a chain of causes: kafkajs wraps what happened in what it did about it. */
function rootOf(error: unknown): KafkaError {
  let root: KafkaError = typeof error === 'object' && error !== null ? error : {};
  for (let depth = 0; depth < chainMax; depth += 1) {
    if (typeof root.cause !== 'object' || root.cause === null) break;
    root = root.cause;
  }
  return root;
}

const tooLarge: ReadonlySet<unknown> = new Set(['MESSAGE_TOO_LARGE', 'RECORD_LIST_TOO_LARGE']);

/** Members of a group get these while it changes hands; joining again cures them. */
const rebalancing: ReadonlySet<unknown> = new Set([
  'REBALANCE_IN_PROGRESS',
  'ILLEGAL_GENERATION',
  'UNKNOWN_MEMBER_ID',
  'NOT_COORDINATOR_FOR_GROUP',
]);

/** A producer gets these when its numbers and the broker's have come apart; a new one, which the next publish has, is cured. */
const outOfStep: ReadonlySet<unknown> = new Set([
  'OUT_OF_ORDER_SEQUENCE_NUMBER',
  'DUPLICATE_SEQUENCE_NUMBER',
  'UNKNOWN_PRODUCER_ID',
  'INVALID_PRODUCER_EPOCH',
]);

/**
 * The two sides can't agree on TLS: a certificate that isn't trusted, is out of date, names another host or is missing, or a
 * broker that speaks something else. From `tls` of Node's documentation: "X509 certificate error codes" and OpenSSL's own.
 */
const tlsRefusal =
  /^(ERR_TLS_|ERR_SSL_|UNABLE_TO_|CERT_|CRL_|SELF_SIGNED_|DEPTH_ZERO_|INVALID_|PATH_LENGTH_|HOSTNAME_)/;

export function faultOf(error: unknown, doing: string): LogFault {
  if (error instanceof LogFault) return error;
  const root = rootOf(error);
  const message = `${doing}: ${error instanceof Error ? error.message : String(error)}`;
  if (tooLarge.has(root.type)) return new LogFault('record-too-large', message, { cause: error });
  if (typeof root.code === 'string' && tlsRefusal.test(root.code)) {
    return new LogFault('refused', `${message} (${root.code})`, { cause: error });
  }
  // Anything that did not come from a broker's answer is the connection, or kafkajs giving up on it.
  const away = root.retriable === true || rebalancing.has(root.type) || outOfStep.has(root.type) || !isKafkaError(root);
  return new LogFault(away ? 'log-away' : 'refused', message, { cause: error });
}

/** The same for a first connection, where a broker that hangs up most likely waits for something else. */
export function connectingFaultOf(error: unknown, brokers: readonly string[]): LogFault {
  const fault = faultOf(error, `connecting to Kafka at ${brokers.join()}`);
  const { name, code } = rootOf(error);
  if (fault.code !== 'log-away' || (name !== 'KafkaJSConnectionClosedError' && code !== 'ECONNRESET')) return fault;
  return new LogFault('log-away', `${fault.message}: do both sides want TLS, or a SASL login?`, { cause: error });
}

function isKafkaError(error: KafkaError): boolean {
  return typeof error.name === 'string' && error.name.startsWith('KafkaJS');
}
