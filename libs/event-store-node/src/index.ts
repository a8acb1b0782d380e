export { DataFolderInUse } from './log/folder-lock.js';
export { startEventStoreNode, type EventStoreNode, type EventStoreNodeOptions } from './node.js';
