import { type EventMetadata } from '@berth/event-store';
import { type Clock } from '@berth/platform';

/** Who asked, and by which request: what an event's metadata says besides the time. */
export interface Origin {
  /** Ties together everything that one request led to. */
  correlationId: string;
  /** Name of the API key, or `anonymous`. */
  actor: string;
  /** W3C trace context, when the request carried one. */
  traceparent?: string | undefined;
}

export function metadataOf({ correlationId, actor, traceparent }: Origin, clock: Clock): EventMetadata {
  const at = new Date(clock.now()).toISOString();
  return { correlationId, actor, at, ...(traceparent !== undefined && { traceparent }) };
}
