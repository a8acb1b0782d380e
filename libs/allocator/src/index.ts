export { Allocator, type AllocatorOptions, Fenced } from './allocator.js';
export { AllocatorModule, type AllocatorModuleOptions } from './allocator.module.js';
export { ConfigurationView } from './configuration-view.js';
export { claimLedger } from './ledger-store.js';
