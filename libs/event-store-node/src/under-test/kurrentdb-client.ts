import type { EventStoreDBClient } from '@eventstore/db-client';
import {
  binaryEvent,
  eventTypeFilter,
  excludeSystemEvents,
  jsonEvent,
  KurrentDBClient,
  streamNameFilter,
} from '@kurrent/kurrentdb-client';
import type { PublishedClient } from './published-client.js';

type Shared = Pick<
  PublishedClient,
  'jsonEvent' | 'binaryEvent' | 'streamNameFilter' | 'eventTypeFilter' | 'excludeSystemEvents'
>;

export const kurrentClient: PublishedClient = {
  name: '@kurrent/kurrentdb-client',
  connect: (connectionString) =>
    inOlderWords(KurrentDBClient.connectionString(connectionString.replace(/^esdb/, 'kurrentdb'))),
  ...({ jsonEvent, binaryEvent, streamNameFilter, eventTypeFilter, excludeSystemEvents } as unknown as Shared),
  readsNatively: true,
};

/** It calls the expected revision of an append its stream state, and silently ignores the older name. */
function inOlderWords(client: KurrentDBClient): EventStoreDBClient {
  return new Proxy(client, {
    get(target, name) {
      const method: unknown = Reflect.get(target, name);
      if (typeof method !== 'function') return method;
      if (name !== 'appendToStream') return method.bind(target) as unknown;
      return (stream: string, events: never, { expectedRevision, ...options }: Record<string, unknown> = {}) =>
        target.appendToStream(stream, events, {
          ...options,
          ...(expectedRevision !== undefined && { streamState: expectedRevision as bigint }),
        });
    },
  }) as unknown as EventStoreDBClient;
}
