export { EventLog } from './log/event-log.js';
export { DataFolderInUse } from './log/folder-lock.js';
export { type AdminUser } from './grpc/credentials.js';
export { isLoopback, startEventStoreNode, type EventStoreNode, type EventStoreNodeOptions } from './node.js';
