import { type HubLatency } from '@berth/domain';
import type { LogRecord } from '../registration-log.js';
import { cloudEventType, type RawCloudEvent } from './cloud-event.js';
import { compileSchema } from './event-schema.js';
import { latenciesOf } from './hub-latencies.js';
import { type Refusal, refusal } from './refusal.js';

/** What a gateway knows of hubs' latencies, apart from any registration. */
export interface LatencyReport {
  /** The CloudEvent's id. */
  reportId: string;
  /** The CloudEvent's source: the gateway, as it calls itself in registration events too. */
  source: string;
  /** By hub name. An object without prototype. */
  hubLatencies: Record<string, HubLatency>;
}

export const latencyReportedType = 'io.berth.latency.reported.v1';

const fitsSchema = compileSchema('latency-reported.v1.schema.json');

export function reportIn(event: RawCloudEvent): { ok: true; report: LatencyReport } | Refusal {
  const misfit = fitsSchema(event);
  if (misfit) return misfit;
  const { hubLatencies } = event['data'] as { hubLatencies: Record<string, HubLatency> };
  const [reportId, source] = [event['id'] as string, event['source'] as string];
  return { ok: true, report: { reportId, source, hubLatencies: latenciesOf(hubLatencies) } };
}

/** The key puts all of a gateway's reports into one partition, where they have an order. */
export function wrongSource({ key }: LogRecord, { source }: LatencyReport): Refusal | undefined {
  return key === source ? undefined : refusal("must be the event's source", ['key']);
}

/** Builds the event, in structured mode. `at` is an RFC 3339 instant. */
export function latencyRecord({ reportId, source, hubLatencies }: LatencyReport, at: string): LogRecord {
  const event = {
    specversion: '1.0',
    type: latencyReportedType,
    source,
    id: reportId,
    time: at,
    datacontenttype: 'application/json',
    data: { hubLatencies },
  };
  return { key: source, value: Buffer.from(JSON.stringify(event)), headers: { 'content-type': cloudEventType } };
}
