export type LogFaultCode =
  /** The broker or the store did not take or give it in time. Retriable. */
  | 'log-away'
  /** Too much waits to be written already. Nothing of this publish was taken. Retriable. */
  | 'queue-full'
  /** The partition belongs to another consumer by now. Retriable: its new owner does the work again. */
  | 'stale-batch'
  /** The log was closed by its owner. */
  | 'closed'
  /** A record is larger than `recordBytesMax` of its topic. Nothing of this publish was taken. */
  | 'record-too-large'
  /** A topic, partition, offset, key or group that can't be. */
  | 'bad-argument'
  /** Another process, or another log of this process, has the data folder open. */
  | 'folder-in-use'
  /** The data folder was written by a newer Berth, or is no log at all. */
  | 'unknown-format'
  /** The broker refused for a reason that asking again won't change: authorisation, configuration. */
  | 'refused';

const retriableCodes: ReadonlySet<LogFaultCode> = new Set<LogFaultCode>(['log-away', 'queue-full', 'stale-batch']);

/** What a log throws. `retriable` says whether the same call may succeed later; `cause` keeps the driver's own error. */
export class LogFault extends Error {
  readonly code: LogFaultCode;
  readonly retriable: boolean;

  constructor(code: LogFaultCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'LogFault';
    this.code = code;
    this.retriable = retriableCodes.has(code);
  }
}

/** Any error may say of itself that it is worth another try; only a plain `true` counts. */
export function isRetriable(error: unknown): boolean {
  return typeof error === 'object' && error !== null && 'retriable' in error && error.retriable === true;
}
