/** The store can't be reached or didn't answer in time; what was asked may or may not have happened. Retriable. */
export class StoreUnavailable extends Error {
  readonly code = 'STORE_UNAVAILABLE';
  readonly retriable = true;
}

/** The stream has moved on since the caller read it. Reading again and deciding anew is the only remedy. */
export class RevisionConflict extends Error {
  readonly code = 'REVISION_CONFLICT';
  readonly retriable = false;
  constructor(
    readonly stream: string,
    readonly expectedRevision: number,
    options?: ErrorOptions,
  ) {
    super(`Stream ${stream} is no longer at revision ${expectedRevision}`, options);
  }
}

/** A stored event that this version of Berth doesn't know: it was written by a newer one, or by something else. */
export class EventUnreadable extends Error {
  readonly code = 'EVENT_UNREADABLE';
  readonly retriable = false;
  constructor(
    readonly stream: string,
    readonly revision: number,
    readonly type: string,
  ) {
    super(`Event ${revision} of stream ${stream} has type ${type} in a shape that this version can't read`);
  }
}

/** The store refused for a reason that asking again won't change. */
export class StoreRefused extends Error {
  readonly code = 'STORE_REFUSED';
  readonly retriable = false;
}
