export * from './codec.js';
export * from './event-store.js';
export * from './faults.js';
export { type Followed, Following, type FollowOptions } from './follow.js';
export { chunkBytesMax as snapshotChunkBytesMax, type Chunks } from './snapshot-file.js';
export { type Snapshot, Snapshots, type SnapshotsOptions } from './snapshots.js';
export * from './streams.js';
export * from './transact.js';
