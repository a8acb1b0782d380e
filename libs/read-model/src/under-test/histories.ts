import { type Outcome, type DecisionsRecorded } from '@berth/domain';
import { type BerthEvent, type StoredEvent } from '@berth/event-store';

const pageHubs = ['hub-a', 'hub-b', 'hub-c'].map((name) => ({
  name,
  state: 'open' as const,
  weight: 1,
  capacity: null,
  load: 0,
}));

/** Gives events their place in a store that never was: one position after the other, revisions by stream. */
export class History {
  readonly events: StoredEvent[] = [];
  private readonly revisions = new Map<string, number>();

  record(stream: string, event: BerthEvent, at = '2026-01-01T00:00:00.000Z'): StoredEvent {
    const revision = (this.revisions.get(stream) ?? -1) + 1;
    this.revisions.set(stream, revision);
    const stored: StoredEvent = {
      event,
      id: `${stream}@${revision}`,
      stream,
      revision,
      position: BigInt(this.events.length + 1) * 100n,
      recordedAt: new Date(at),
      metadata: { correlationId: 'c', actor: 'spec', at },
    };
    this.events.push(stored);
    return stored;
  }

  link(name: string, weight = 1, capacity: number | null = null): StoredEvent {
    const data = { name, weight, capacity, region: null, connection: null };
    return this.record(`hub-${name.toLowerCase()}`, { type: 'HubLinked', v: 1, data });
  }

  decide(outcomes: readonly Outcome[], page: Partial<DecisionsRecorded> = {}, partition = 0): StoredEvent {
    const data = pageOf(outcomes, page);
    return this.record(`ledger-${partition}`, { type: 'DecisionsRecorded', v: 1, data }, data.at);
  }

  /** @param repeats when the same wish came before, and changes nothing now. */
  release(
    registrationId: string,
    hub: string | null,
    { at, repeats }: { at?: string; repeats?: number } = {},
  ): StoredEvent {
    const common = { generation: 1, offset: 0, at: at ?? '2026-01-01T00:00:00.000Z', registrationId, requestId: 'r' };
    const data = { ...common, actor: 'ops', hub, ...(repeats !== undefined && { repeats }) };
    return this.record('ledger-0', { type: 'RegistrationReleased', v: 1, data }, data.at);
  }

  get position(): bigint {
    return this.events.at(-1)?.position ?? 0n;
  }
}

export function pageOf(outcomes: readonly Outcome[], page: Partial<DecisionsRecorded> = {}): DecisionsRecorded {
  return {
    generation: 1,
    firstOffset: 0,
    lastOffset: outcomes.length - 1,
    at: '2026-01-01T00:00:00.000Z',
    configuration: null,
    build: 1,
    policy: 'evenlyWeighted',
    hubs: pageHubs,
    rules: [{ policy: 'evenlyWeighted', source: 'default', hubs: null, updateHubAssignment: true }],
    outcomes,
    unchanged: [],
    ...page,
  };
}

function entrance(registrationId: string, group: string | null) {
  return group === null ? { enrollment: registrationId } : { enrollment: null, enrollmentGroup: group };
}

const identity = (registrationId: string) => ({ offset: 0, registrationId, requestId: 'r' });

/** @param group through which the device came; null: through an enrollment of its own. */
export function assigned(registrationId: string, hub: string, group: string | null = null): Outcome {
  const placed = { ...entrance(registrationId, group), deviceId: registrationId, hub, rule: 0 };
  return { type: 'DeviceAssigned', ...identity(registrationId), ...placed };
}

export function reassigned(registrationId: string, from: string, hub: string, migrateDeviceData = true): Outcome {
  const placed = { enrollment: registrationId, deviceId: registrationId, hub, from, migrateDeviceData, rule: 0 };
  return { type: 'DeviceReassigned', ...identity(registrationId), ...placed };
}

export function confirmed(registrationId: string, hub: string, group: string | null = null): Outcome {
  const placed = { ...entrance(registrationId, group), deviceId: registrationId, hub, rule: 0 };
  return { type: 'AssignmentConfirmed', ...identity(registrationId), ...placed };
}

/** Refused because every hub was ruled out. */
export function refused(registrationId: string): Outcome {
  const told = { errorCode: 503000, reason: 'no hub can take the device' } as const;
  const fault = { status: 'failed', authenticated: true, enrollment: registrationId, ...told, rule: 0 } as const;
  return { type: 'RegistrationRejected', ...identity(registrationId), ...fault };
}

export function disabled(registrationId: string): Outcome {
  const told = { errorCode: null, reason: 'the enrollment is disabled' } as const;
  const fault = { status: 'disabled', authenticated: true, enrollment: registrationId, ...told, rule: null } as const;
  return { type: 'RegistrationRejected', ...identity(registrationId), ...fault };
}

/** Refused because nobody proved to be the device. */
export function unproven(registrationId: string, enrollment: string | null = registrationId): Outcome {
  const told = { errorCode: 401002, reason: 'the signature does not match' } as const;
  const fault = { status: 'failed', authenticated: false, enrollment, ...told, rule: null } as const;
  return { type: 'RegistrationRejected', ...identity(registrationId), ...fault };
}
