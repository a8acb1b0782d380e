import { describe, expect, it } from '@jest/globals';
import { CloudEvent } from 'cloudevents';
import { parseDeviceMessage, parseGatewayMessage } from './device-message.js';
import { latencyRecord, type LatencyReport } from './latency-report.js';
import { registrationRecord } from './registration-request.js';

const report: LatencyReport = {
  reportId: 'r-1',
  source: 'https://gateways.example.com/pl%C3%A4nt%207?line=1#a',
  hubLatencies: { 'Hub-A': { ms: 12.4, samples: 20, ageMs: 900 }, constructor: { ms: 0 } },
};
const at = '2026-01-01T00:00:00.000Z';
const record = latencyRecord(report, at);
const changed = (change: object, key: string | null = record.key) => {
  const event = { ...(JSON.parse(record.value.toString()) as object), ...change };
  return { ...record, key, value: Buffer.from(JSON.stringify(event)) };
};

describe('a report of latencies on the topic', () => {
  it('is read as it was written, keyed by its source, and is a CloudEvent by its own library', () => {
    expect(record.key).toBe(report.source);
    expect(parseDeviceMessage(record)).toEqual({ ok: true, report });
    expect(parseGatewayMessage(record)).toEqual({ ok: true, report });
    expect(() => new CloudEvent(JSON.parse(record.value.toString())).validate()).not.toThrow();
  });

  it('may come in binary mode, and say nothing of any hub', () => {
    const headers = {
      'content-type': 'application/json',
      ce_specversion: '1.0',
      ce_type: 'io.berth.latency.reported.v1',
      ce_id: 'r-2',
      ce_source: '/gateways/one',
    };
    const value = Buffer.from('{"hubLatencies":{}}');
    expect(parseDeviceMessage({ key: '/gateways/one', value, headers })).toEqual({
      ok: true,
      report: { reportId: 'r-2', source: '/gateways/one', hubLatencies: {} },
    });
  });

  it('stands beside registrations, which are read as ever', () => {
    const wish = { requestId: 'w', source: '/one', registrationId: 'a', attestation: { type: 'gateway' } } as const;
    expect(parseGatewayMessage(registrationRecord(wish, at))).toEqual({ ok: true, request: wish });
  });

  const latencies = (hubLatencies: unknown) => changed({ data: { hubLatencies } });
  const many = Object.fromEntries(Array.from({ length: 513 }, (_, index) => [`hub-${index}`, { ms: 1 }]));
  it.each<[string, ReturnType<typeof changed>, string[], RegExp]>([
    ['another key', changed({}, '/gateways/two'), ['key'], /source/],
    ['no key', changed({}, null), ['key'], /source/],
    ['no source', changed({ source: undefined }), ['source'], /missing/],
    ['a source too long', changed({ source: 'x'.repeat(513) }), ['source'], /512/],
    ['no id', changed({ id: undefined }), ['id'], /missing/],
    ['no data', changed({ data: undefined }), ['data'], /missing/],
    ['no latencies', latencies(undefined), ['data', 'hubLatencies'], /missing/],
    ['latencies in a list', latencies([]), ['data', 'hubLatencies'], /512 hubs/],
    ['too many hubs', latencies(many), ['data', 'hubLatencies'], /512 hubs/],
    ['no hub name', latencies({ 'a b': { ms: 1 } }), ['data', 'hubLatencies'], /names of hubs/],
    ['no figure', latencies({ a: {} }), ['data', 'hubLatencies', 'a', 'ms'], /missing/],
    ['a figure below zero', latencies({ a: { ms: -1 } }), ['data', 'hubLatencies', 'a', 'ms'], /0 to 86400000/],
    ['a figure that is text', latencies({ a: { ms: '1' } }), ['data', 'hubLatencies', 'a', 'ms'], /milliseconds/],
    ['an age below zero', latencies({ a: { ms: 1, ageMs: -1 } }), ['data', 'hubLatencies', 'a', 'ageMs'], /0 or more/],
    ['the next type', changed({ type: 'io.berth.latency.reported.v2' }), ['type'], /must be/],
  ])('with %s is refused', (_, message, path, reason) => {
    expect(parseDeviceMessage(message)).toEqual({ ok: false, path, reason: expect.stringMatching(reason) });
  });
});
