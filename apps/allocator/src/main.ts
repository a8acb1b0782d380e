import { enableCompileCache } from 'node:module';

// Loading the code takes most of a start: compiled once it is kept.
enableCompileCache();
await import('./allocator.js');
