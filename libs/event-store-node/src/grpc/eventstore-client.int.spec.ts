import { describeAppending } from './appending.contract.js';
import { describeDeleting } from './deleting.contract.js';
import { describeReading } from './reading.contract.js';
import { describeServing } from './serving.contract.js';
import { describeSubscribing } from './subscribing.contract.js';
import { eventStoreClient } from '../under-test/eventstore-client.js';

describeAppending(eventStoreClient);
describeReading(eventStoreClient);
describeSubscribing(eventStoreClient);
describeDeleting(eventStoreClient);
describeServing(eventStoreClient);
