import { expect, it } from '@jest/globals';
import { type ConfigurationEvent } from '@berth/domain';
import { type StoredEvent } from '@berth/event-store';
import { ConfigurationThen } from './configuration-then.js';

const linked = (name: string, position: bigint): StoredEvent<ConfigurationEvent> => ({
  event: { type: 'HubLinked', v: 1, data: { name, weight: 1, capacity: null, region: null, connection: null } },
  id: name,
  stream: `hub-${name}`,
  revision: 0,
  position,
  recordedAt: new Date(0),
  metadata: null,
});

it('the configuration is as it was at any position, also at an earlier one than was asked for before', async () => {
  const then = new ConfigurationThen(
    {
      foreknow: async () => undefined,
      async *configuration() {
        yield linked('a', 10n);
        yield linked('b', 20n);
        yield linked('c', 30n);
      },
    },
    () => null,
  );
  const hubs = async (position: string | null) => [...(await then.asOf(position)).hubs.keys()].join('');
  expect(await hubs('10')).toBe('a');
  expect(await hubs('25')).toBe('ab');
  expect(await hubs('20')).toBe('ab');
  expect(await hubs('10')).toBe('a');
  expect(await hubs(null)).toBe('');
  expect(await hubs('99')).toBe('abc');
  await then.close();
});
