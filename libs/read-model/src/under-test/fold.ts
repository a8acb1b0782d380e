import { type DecisionsRecorded, explainPage, hubKey, registrationKey, substatusOf } from '@berth/domain';
import { type StoredEvent } from '@berth/event-store';
import { type RegistrationRow } from '../read-model.js';

/** What the registrations must be, said as plainly as can be: one map, one event after the other. */
export function foldRegistrations(events: readonly StoredEvent[]): Map<string, RegistrationRow> {
  const rows = new Map<string, RegistrationRow>();
  for (const { event, position } of events) {
    if (event.type === 'DecisionsRecorded') foldPage(rows, event.data, String(position));
    const isRelease = event.type === 'RegistrationReleased' && event.data.repeats === undefined;
    if (isRelease) rows.delete(registrationKey(event.data.registrationId));
  }
  return rows;
}

function foldPage(rows: Map<string, RegistrationRow>, page: DecisionsRecorded, position: string): void {
  const { at } = page;
  for (const { outcome, decision } of explainPage(page)) {
    const key = registrationKey(outcome.registrationId);
    const before = rows.get(key);
    const common = {
      registrationId: outcome.registrationId,
      enrollment: outcome.enrollment,
      enrollmentGroup: outcome.enrollmentGroup ?? null,
      createdAt: before?.createdAt ?? at,
      updatedAt: at,
      decision: { ...decision, position, at },
    };
    if (outcome.type !== 'RegistrationRejected') {
      rows.set(key, {
        ...common,
        status: 'assigned',
        substatus: substatusOf(outcome),
        deviceId: outcome.deviceId,
        hub: outcome.hub,
        errorCode: null,
        reason: null,
        rejected: null,
      });
      continue;
    }
    const { errorCode, reason } = outcome;
    if (!outcome.authenticated && before && before.hub !== null) {
      rows.set(key, { ...before, rejected: { position, at, errorCode, reason } });
      continue;
    }
    rows.set(key, {
      ...common,
      status: outcome.status,
      substatus: null,
      deviceId: before?.deviceId ?? null,
      hub: before?.hub ?? null,
      errorCode,
      reason,
      rejected: before?.rejected ?? null,
    });
  }
}

/** Devices by hub key, counted from the registrations themselves. */
export function devicesByHub(registrations: Iterable<RegistrationRow>): Map<string, number> {
  const devices = new Map<string, number>();
  for (const { hub } of registrations) {
    if (hub !== null) devices.set(hubKey(hub), (devices.get(hubKey(hub)) ?? 0) + 1);
  }
  return devices;
}
