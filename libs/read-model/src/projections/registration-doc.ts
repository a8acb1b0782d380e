import { type WebhookAnswer } from '@berth/domain';
import { type RecordedLatency } from '@berth/domain';
import { type RegistrationRow } from '../read-model.js';
import { type TextForm } from '../sql/table.js';
import { type Grounds } from './grounds.js';

/** A registration as stored; what doesn't apply is absent. */
export interface RegistrationDoc {
  registrationId: string;
  status: RegistrationRow['status'];
  substatus?: string;
  deviceId?: string;
  hub?: string;
  enrollment?: string;
  enrollmentGroup?: string;
  errorCode?: number;
  reason?: string;
  createdAt: string;
  /** When the decision was made, too: what doesn't touch the status isn't a change. */
  updatedAt: string;
  decision: Grounds & { position: string };
  rejected?: { position: string; at: string; errorCode?: number; reason: string };
}

/** Stands for the value that a field nearly always has: the id again, or the usual substatus. */
const usual = 0;
type Usually<T> = T | typeof usual;

/** Times in milliseconds since 1970, loads and passes after the first as differences to it. Null and what is cut off are absent. */
type Packed = [
  registrationId: Usually<string>,
  status: number,
  createdAt: number,
  updatedAfter: number,
  position: string,
  rule: string,
  build: number,
  configuration?: string | null,
  hubSet?: string | null,
  loads?: number[] | null,
  hub?: string | null,
  substatus?: Usually<string> | null,
  deviceId?: Usually<string> | null,
  enrollment?: Usually<string> | null,
  present?: string | null,
  errorCode?: number | null,
  reason?: string | null,
  rejected?: [position: string, at: number, errorCode: number | null, reason: string] | null,
  turns?: [unit: number, ...passes: number[]] | null,
  placeless?: number[] | null,
  enrollmentGroup?: string | null,
  latencies?: RecordedLatency[] | null,
  webhook?: WebhookAnswer | null,
  moves?: number | null,
];

/** In an order that is stored: a status is kept as its place in it. */
export const statuses: readonly RegistrationRow['status'][] = ['assigned', 'failed', 'disabled'];
const usualSubstatus = 'initialAssignment';

/** A third of the size of the same document as a JSON object, which shows in every figure of a million devices. */
export const packedRegistration: TextForm<RegistrationDoc> = {
  write(doc, key) {
    const { registrationId, createdAt, decision, rejected } = doc;
    const created = Date.parse(createdAt);
    const packed: Packed = [
      registrationId === key ? usual : registrationId,
      statuses.indexOf(doc.status),
      created,
      Date.parse(doc.updatedAt) - created,
      decision.position,
      decision.rule,
      decision.build,
      decision.configuration ?? null,
      decision.hubSet ?? null,
      decision.loads ? packLoads(decision.loads) : null,
      doc.hub ?? null,
      pack(doc.substatus, usualSubstatus),
      pack(doc.deviceId, registrationId),
      pack(doc.enrollment, registrationId),
      decision.present ?? null,
      doc.errorCode ?? null,
      doc.reason ?? null,
      rejected ? [rejected.position, Date.parse(rejected.at), rejected.errorCode ?? null, rejected.reason] : null,
      decision.turns ? [decision.turns.unit, ...packLoads(decision.turns.passes)] : null,
      decision.placeless ? [...decision.placeless] : null,
      doc.enrollmentGroup ?? null,
      decision.latencies ? [...decision.latencies] : null,
      decision.webhook ?? null,
      decision.moves ?? null,
    ];
    while (packed.at(-1) === null) packed.pop();
    return JSON.stringify(packed);
  },
  read(text, key) {
    const packed = JSON.parse(text) as Packed;
    const [id, status, created, updatedAfter, position, rule, build, configuration, hubSet, ...figures] = packed;
    const [loads, hub, substatus, ...rest] = figures;
    const [deviceId, enrollment, present, errorCode, reason, rejected, turns, placeless, ...newer] = rest;
    const [enrollmentGroup, latencies, webhook, moves] = newer;
    const registrationId = id === usual ? key : id;
    return {
      registrationId,
      status: statuses[status] as RegistrationRow['status'],
      substatus: unpack(substatus, usualSubstatus),
      deviceId: unpack(deviceId, registrationId),
      hub: hub ?? undefined,
      enrollment: unpack(enrollment, registrationId),
      enrollmentGroup: enrollmentGroup ?? undefined,
      errorCode: errorCode ?? undefined,
      reason: reason ?? undefined,
      createdAt: new Date(created).toISOString(),
      updatedAt: new Date(created + updatedAfter).toISOString(),
      decision: {
        position,
        rule,
        build,
        configuration: configuration ?? undefined,
        hubSet: hubSet ?? undefined,
        loads: loads ? unpackLoads(loads) : undefined,
        present: present ?? undefined,
        turns: turns ? { unit: turns[0], passes: unpackLoads(turns.slice(1)) } : undefined,
        placeless: placeless ?? undefined,
        latencies: latencies ?? undefined,
        webhook: webhook ?? undefined,
        moves: moves ?? undefined,
      },
      rejected: rejected
        ? {
            position: rejected[0],
            at: new Date(rejected[1]).toISOString(),
            errorCode: rejected[2] ?? undefined,
            reason: rejected[3],
          }
        : undefined,
    };
  },
};

function pack(value: string | undefined, usually: string): Usually<string> | null {
  if (value === undefined) return null;
  return value === usually ? usual : value;
}

function unpack(packed: Usually<string> | null | undefined, usually: string): string | undefined {
  return packed === usual ? usually : (packed ?? undefined);
}

function packLoads(loads: readonly number[]): number[] {
  const first = loads[0] ?? 0;
  return loads.map((load, index) => (index === 0 ? load : load - first));
}

function unpackLoads(packed: readonly number[]): number[] {
  const first = packed[0] ?? 0;
  return packed.map((load, index) => (index === 0 ? load : load + first));
}
