import type {
  binaryEvent,
  EventStoreDBClient,
  eventTypeFilter,
  excludeSystemEvents,
  jsonEvent,
  streamNameFilter,
} from '@eventstore/db-client';

/**
 * A published client, unmodified, in the words of `@eventstore/db-client` 6.2.1. Types only: the generated messages of the two
 * clients overwrite each other's names in the global object, so a process can load one of them and no more.
 */
export interface PublishedClient {
  readonly name: string;
  connect(connectionString: string): EventStoreDBClient;
  readonly jsonEvent: typeof jsonEvent;
  readonly binaryEvent: typeof binaryEvent;
  readonly streamNameFilter: typeof streamNameFilter;
  readonly eventTypeFilter: typeof eventTypeFilter;
  readonly excludeSystemEvents: typeof excludeSystemEvents;
  /**
   * Its reads go through a native library, which gives errors without their gRPC code and times in whole seconds, and reads
   * forwards from the start and backwards from the end, whatever direction it is asked for.
   */
  readonly readsNatively: boolean;
}
