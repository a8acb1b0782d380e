import { type DeploymentEvent, type EventStore, noStream, RevisionConflict, streams } from '@berth/event-store';
import { randomBytes } from 'node:crypto';

/** The ID scope of this deployment: founded by the first process that asks, then the same for all and for ever. */
export async function idScopeOf(store: EventStore): Promise<string> {
  for await (const { event } of store.read<DeploymentEvent>(streams.deployment, { maxCount: 1 }))
    return event.data.idScope;
  const idScope = `0ne${randomBytes(4).toString('hex').toUpperCase()}`;
  const founded: DeploymentEvent = { type: 'DeploymentFounded', v: 1, data: { idScope } };
  const at = new Date().toISOString();
  try {
    await store.append(streams.deployment, [founded], noStream, { correlationId: 'founding', actor: 'berth', at });
    return idScope;
  } catch (error) {
    if (error instanceof RevisionConflict) return idScopeOf(store);
    throw error;
  }
}
