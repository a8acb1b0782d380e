import { LogFault } from '../log-fault.js';

/** What kafkajs throws, as far as it matters here. */
interface KafkaError {
  name?: unknown;
  type?: unknown;
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

export function faultOf(error: unknown, doing: string): LogFault {
  if (error instanceof LogFault) return error;
  const root = rootOf(error);
  const message = `${doing}: ${error instanceof Error ? error.message : String(error)}`;
  if (tooLarge.has(root.type)) return new LogFault('record-too-large', message, { cause: error });
  // Anything that did not come from a broker's answer is the connection, or kafkajs giving up on it.
  const away = root.retriable === true || rebalancing.has(root.type) || outOfStep.has(root.type) || !isKafkaError(root);
  return new LogFault(away ? 'log-away' : 'refused', message, { cause: error });
}

function isKafkaError(error: KafkaError): boolean {
  return typeof error.name === 'string' && error.name.startsWith('KafkaJS');
}
