export * from './cuttable-proxy.js';
export * from './deadline.js';
export * from './enrollment-data.js';
export * from './from-sources.js';
export * from './given-when-then.js';
export * from './longest-turn.js';
export * from './openssl.js';
