/** The one content type that is told from all others. */
export const JSON_CONTENT = 'application/json';

/** An event as a client proposes it, before it has a place in the log. */
export interface ProposedEvent {
  /** 16 bytes, in the order of the UUID's text form. */
  readonly id: Buffer;
  readonly type: string;
  /** False for every content type but `application/json`; such events are answered as `application/octet-stream`. */
  readonly isJson: boolean;
  readonly data: Uint8Array;
  /** Empty when the client gave none. */
  readonly metadata: Uint8Array;
}

/** Everything about a stored event except its body, which is fetched only when the event is about to be sent. */
export interface EventHeader {
  readonly position: number;
  readonly stream: string;
  readonly revision: number;
  readonly type: string;
  readonly id: Uint8Array;
  /** Milliseconds since 1970. */
  readonly createdMs: number;
  readonly isJson: boolean;
}

export interface EventBody {
  readonly data: Uint8Array;
  readonly metadata: Uint8Array;
}

/** The revision of a stream that has never held an event. */
export const NO_REVISION = -1;

/**
 * Revision stored for the last record of a tombstoned stream. On the wire it is 2^63-1, which a JavaScript number can't
 * hold, so the encoder translates it.
 */
export const TOMBSTONE_REVISION = Number.MAX_SAFE_INTEGER;

/** What `$tb` of a soft-deleted stream is stored as; 2^63-1 in the metadata event, see {@link TOMBSTONE_REVISION}. */
export const TRUNCATE_ALL = Number.MAX_SAFE_INTEGER;

/** What an append, delete or tombstone demands of the stream's present state. */
export type ExpectedRevision = number | 'any' | 'noStream' | 'streamExists';
