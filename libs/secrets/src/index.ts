export * from './master-key.js';
export { checkMasterKey } from './master-key-in-use.js';
