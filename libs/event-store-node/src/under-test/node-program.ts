import { once } from 'node:events';
import { startEventStoreNode, type EventStoreNodeOptions } from '../node.js';

const [options] = (await once(process, 'message')) as [EventStoreNodeOptions];
const node = await startEventStoreNode(options);
process.once('disconnect', () => void node.stop().then(() => process.exit(0)));
process.send?.({ host: node.host, port: node.port, connectionString: node.connectionString });
