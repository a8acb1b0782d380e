import { type EventPlace } from '@berth/domain';
import { type StoredEvent } from '@berth/event-store';

/** Where and when a configuration event was recorded, as decisions go by it. */
export function placeOf({ position, metadata, recordedAt }: StoredEvent): EventPlace {
  return { position: String(position), at: metadata ? Date.parse(metadata.at) : recordedAt.getTime() };
}
