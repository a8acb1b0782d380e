export * from './codec.js';
export * from './event-store.js';
export * from './faults.js';
export { Following, type FollowOptions } from './follow.js';
export * from './streams.js';
export * from './transact.js';
