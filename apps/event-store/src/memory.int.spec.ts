import { describeMemory } from './memory.contract.js';

describeMemory(100_000, 300_000);
