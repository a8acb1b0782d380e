import {
  binaryEvent,
  EventStoreDBClient,
  eventTypeFilter,
  excludeSystemEvents,
  jsonEvent,
  streamNameFilter,
} from '@eventstore/db-client';
import type { PublishedClient } from './published-client.js';

export const eventStoreClient: PublishedClient = {
  name: '@eventstore/db-client',
  connect: (connectionString) => EventStoreDBClient.connectionString(connectionString),
  jsonEvent,
  binaryEvent,
  streamNameFilter,
  eventTypeFilter,
  excludeSystemEvents,
  readsNatively: false,
};
