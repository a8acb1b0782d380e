import { type ConfigurationEvent, type CustomAllocation, type WebhookAnswer } from '@berth/domain';
import { type Webhooks } from '../../webhooks/webhooks.js';
import { type Recording, recordingOf } from './recording.js';
import { cordoned, enrolled, idsAtHome, linked, partition, Script } from './scripted-history.js';

const asking: CustomAllocation = {
  webhookUrl: 'https://hooks.example.com/allocate?code=hush',
  apiVersion: '2021-10-01',
  fallback: null,
  deadlineMs: 5000,
};

/** A ledger with every kind of decision that webhooks have a part in, made by the allocator's own code. */
export async function webhookHistory(): Promise<Recording> {
  const script = new Script();
  const [one, two, three, staying, inheriting, listed, plain] = idsAtHome(7) as [
    string,
    string,
    string,
    string,
    string,
    string,
    string,
  ];
  const said = new Map<string, WebhookAnswer>();
  const webhooks: Webhooks = {
    ask: async ({ request: { deviceRuntimeContext } }) =>
      said.get(deviceRuntimeContext.registrationId) ?? { fault: 'answered 503' },
  };
  const custom = (change: Partial<CustomAllocation> = {}) => ({
    policy: 'custom' as const,
    custom: { ...asking, ...change },
  });
  const keep = { updateHubAssignment: false, migrateDeviceData: true };
  const byDefault: ConfigurationEvent = {
    type: 'AllocationPolicyChosen',
    v: 1,
    data: { policy: { kind: 'custom', custom: { ...asking, fallback: 'lowestLatency' } } },
  };
  await script.command(linked('hub-a'), linked('Hub-B'), linked('hub-c', { capacity: 1 }), byDefault);
  await script.command(
    enrolled(one, custom()),
    enrolled(two, custom({ fallback: 'evenlyWeighted' })),
    enrolled(three, custom()),
    enrolled(staying, { ...custom(), reprovision: keep }),
    enrolled(inheriting),
    enrolled(listed, { ...custom({ fallback: 'static' }), hubs: ['Hub-B', 'hub-a'] }),
    enrolled(plain, { policy: 'evenlyWeighted' }),
  );
  await script.startAllocator('first', webhooks);
  said.set(one, { hub: 'hub-b', initialTwin: { tags: { hall: 'Köln' } }, payload: { firmware: 7 } });
  said.set(three, { hub: 'hub-c' });
  said.set(staying, { hub: 'hub-a', payload: { n: 1 } });
  said.set(listed, { hub: 'hub-c' });
  const all = [plain, one, two, three, staying, inheriting, listed];
  const near = { latencies: { 'hub-a': 10, 'hub-b': 90 } };
  await script.publish(...all.map((id) => script.wish(id, near)), script.wish(one), script.wish(plain));
  await script.publish(...all.map((id) => script.wish(id)));
  said.set(one, { hub: 'hub-a' });
  said.set(two, { hub: 'hub-c' });
  said.set(three, { hub: 'hub-x' });
  said.set(staying, { hub: 'hub-b', payload: { n: 2 } });
  said.set(inheriting, { hub: 'hub-b' });
  await script.publish(...all.map((id) => script.wish(id)), script.wish(one));
  await script.command(cordoned('hub-a'), { type: 'HubUnlinked', v: 1, data: { name: 'Hub-B' } });
  await script.publish(...all.map((id) => script.wish(id)));
  return recordingOf(script, partition);
}
