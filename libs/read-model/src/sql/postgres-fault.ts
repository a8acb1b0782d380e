import { types } from 'node:util';
import { DatabaseUnavailable } from './database.js';

/** SQLSTATE classes: connection exceptions, insufficient resources, operator intervention, and a server that can't write. */
const passing = /^(08|53|57P|25006)/;
/** Codes of the system, and what the driver says of a connection that broke, without a code. */
const systemCode = /^E[A-Z_]+$/;
const saidOfConnections = /connection|closed|timeout|pool/i;

/** What the driver throws, as our own faults. A statement that PostgreSQL refuses is a defect and stays what it is. */
export function asFault(error: unknown): unknown {
  if (!types.isNativeError(error) || error instanceof DatabaseUnavailable) return error;
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  const isAnswer = 'severity' in error;
  const isPassing = isAnswer
    ? passing.test(code)
    : systemCode.test(code) ||
      error.name === 'AbortError' ||
      (error.name === 'Error' && saidOfConnections.test(error.message));
  if (!isPassing) return error;
  return new DatabaseUnavailable(`The database can't be used: ${error.message}`, { cause: error, retriable: true });
}
