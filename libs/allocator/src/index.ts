export { Allocator, type AllocatorOptions } from './allocator.js';
export { AllocatorModule, type AllocatorModuleOptions } from './allocator.module.js';
export { ConfigurationView } from './configuration-view.js';
