import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describeRegistrationLogContract } from '../registration-log.contract.js';
import type { LogWarning } from '../registration-log.js';
import { openEmbeddedLog } from './embedded-log.js';

const backOff = { firstMs: 5, mostMs: 50 };

describeRegistrationLogContract(
  'embedded',
  async ({ partitions }) => {
    const dataFolder = await mkdtemp(join(tmpdir(), 'berth-log-'));
    const open = async (count: number) => {
      const warnings: LogWarning[] = [];
      const onWarning = (warning: LogWarning) => void warnings.push(warning);
      return {
        log: await openEmbeddedLog({ dataFolder, partitions: count, onWarning, backOff, handoverMs: 200 }),
        warnings,
      };
    };
    let current = (await open(partitions)).log;
    return {
      log: current,
      restart: async (options) => {
        await current.close();
        const again = await open(options.partitions);
        current = again.log;
        return again;
      },
      end: async () => {
        await current.close();
        await rm(dataFolder, { recursive: true, force: true });
      },
    };
  },
  { deadlineMs: 5_000 },
);
