import { describeAppending } from './appending.contract.js';
import { describeDeleting } from './deleting.contract.js';
import { describeReading } from './reading.contract.js';
import { describeServing } from './serving.contract.js';
import { describeSubscribing } from './subscribing.contract.js';
import { kurrentClient } from '../under-test/kurrentdb-client.js';

describeAppending(kurrentClient);
describeReading(kurrentClient);
describeSubscribing(kurrentClient);
describeDeleting(kurrentClient);
describeServing(kurrentClient);
