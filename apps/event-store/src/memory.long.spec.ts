import { describeMemory } from './memory.contract.js';

describeMemory(10_000_000, 3_600_000);
