export { Allocator, type AllocatorOptions } from './allocator.js';
export { AllocatorModule, type AllocatorModuleOptions } from './allocator.module.js';
export { ConfigurationView } from './configuration-view.js';
export { firstDifference, type Parting } from './replay/first-difference.js';
export { type RecordedLedger, storedLedger } from './replay/recorded-ledger.js';
export { type Difference, type Replayed, replayLedger } from './replay/replay-ledger.js';
export { ConfigurationSnapshots, type ConfigurationSnapshotsOptions } from './snapshots/configuration-snapshots.js';
export { LedgerSnapshots, type LedgerSnapshotsOptions } from './snapshots/ledger-snapshots.js';
