import { type LogWarning } from '@berth/registration-log';
import { describeRegistrationLogContract } from '@berth/registration-log/contract';
import { Network } from './network.js';
import { Random } from './random.js';
import { RealTimeScheduler } from './real-time.js';
import { SimulatedProcess } from './scheduler.js';
import { plainHabits, SimulatedBroker } from './simulated-broker.js';
import { SimulatedLog } from './simulated-log.js';

describeRegistrationLogContract(
  'simulated',
  async ({ partitions }) => {
    const scheduler = new RealTimeScheduler();
    const random = new Random(1);
    const network = new Network(scheduler, random);
    const habits = { ...plainHabits, handoverMs: 200, backOff: { firstMs: 5, mostMs: 50 } };
    const broker = new SimulatedBroker(scheduler, network, random, habits, partitions);
    const process = new SimulatedProcess('spec');
    let log = new SimulatedLog(broker, process);
    return {
      log,
      restart: async (options) => {
        await log.close();
        log = new SimulatedLog(broker, process);
        const warnings: LogWarning[] = broker.topicNames
          .filter((topic) => broker.topic(topic).partitions.length !== options.partitions)
          .map((topic) => ({ code: 'partitions-differ', topic, message: 'it keeps the partitions it has' }));
        return { log, warnings };
      },
      end: async () => {
        await log.close();
        scheduler.stop();
      },
    };
  },
  { deadlineMs: 5_000 },
);
