import { describeEventStoreContract } from '@berth/event-store/contract';
import { Network } from './network.js';
import { Random } from './random.js';
import { RealTimeScheduler } from './real-time.js';
import { SimulatedProcess } from './scheduler.js';
import { SimulatedStore } from './simulated-store.js';

describeEventStoreContract('simulated', async () => {
  const scheduler = new RealTimeScheduler();
  const random = new Random(1);
  const network = new Network(scheduler, random);
  const store = new SimulatedStore(scheduler, network, random);
  const cutOff = new SimulatedProcess('cut off');
  const connected = new SimulatedProcess('connected');
  const ends = [store.connect(cutOff), store.connect(connected)] as const;
  return {
    store: ends[0],
    other: ends[1],
    holdAnswers: () => {
      cutOff.isDeaf = true;
    },
    loseAnswers: () => {
      network.breakConnections(cutOff);
      cutOff.isDeaf = false;
    },
    disconnect: () => {
      cutOff.isCutOff = true;
      network.breakConnections(cutOff);
    },
    reconnect: () => {
      cutOff.isCutOff = false;
    },
    end: async () => {
      await Promise.all(ends.map((end) => end.close()));
      scheduler.stop();
    },
  };
});
