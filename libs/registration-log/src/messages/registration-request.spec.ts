import { describe, expect, it } from '@jest/globals';
import { CloudEvent, Kafka } from 'cloudevents';
import fc from 'fast-check';
import type { LogRecord } from '../registration-log.js';
import { eventBytesMax } from './cloud-event.js';
import { parseGatewayMessage } from './device-message.js';
import { fromHttp } from './http-event.js';
import {
  parseRegistrationRequest,
  payloadBytesMax,
  registrationRecord,
  type RegistrationRequest,
} from './registration-request.js';

const full: RegistrationRequest = {
  requestId: 'wish-1',
  source: '/gateways/plant-7',
  registrationId: 'Press-01',
  attestation: { type: 'symmetricKey', token: 'SharedAccessSignature sr=scope%2Fregistrations%2Fpress-01&sig=x&se=1' },
  payload: { model: 'm1', nested: [1, null, { a: true }] },
  hubLatencies: { 'hub-a': { ms: 12.4, samples: 20, ageMs: 900 }, 'hub-b': { ms: 3 } },
  region: 'eu-west',
  minPosition: '1042',
};

const data = {
  registrationId: full.registrationId,
  attestation: full.attestation,
  payload: full.payload,
  hubLatencies: full.hubLatencies,
  region: full.region,
};

const envelope = {
  specversion: '1.0',
  id: full.requestId,
  source: full.source,
  type: 'io.berth.registration.requested.v1',
  berthminposition: full.minPosition,
  data,
};

const structured = (event: unknown, key: string | null = 'press-01'): LogRecord => ({
  key,
  value: Buffer.from(typeof event === 'string' ? event : JSON.stringify(event)),
  headers: { 'content-type': 'application/cloudevents+json; charset=utf-8' },
});
const withData = (change: object): LogRecord => structured({ ...envelope, data: { ...data, ...change } });
const sdkEvent = () =>
  new CloudEvent<unknown>({
    ...envelope,
    partitionkey: 'press-01',
    time: '2026-01-02T03:04:05.000Z',
    datacontenttype: 'application/json',
  });

describe('a registration event', () => {
  it('is read in structured mode as the CloudEvents SDK writes it for Kafka', () => {
    const { key, value, headers } = Kafka.structured(sdkEvent()) as unknown as {
      key: string;
      value: string;
      headers: Record<string, string>;
    };
    expect(parseRegistrationRequest({ key, value: Buffer.from(value), headers })).toEqual({ ok: true, request: full });
  });

  it('is read in binary mode as the CloudEvents SDK writes it for Kafka', () => {
    const { key, value, headers } = Kafka.binary(sdkEvent()) as unknown as {
      key: string;
      value: object;
      headers: Record<string, string>;
    };
    const record = { key, value: Buffer.from(JSON.stringify(value)), headers };
    expect(parseRegistrationRequest(record)).toEqual({ ok: true, request: full });
  });

  it('of ours is read by the CloudEvents SDK and by ourselves', () => {
    const record = registrationRecord(full, '2026-01-02T03:04:05Z');
    expect(record.key).toBe('press-01');
    expect(parseRegistrationRequest(record)).toEqual({ ok: true, request: full });
    const read = Kafka.toEvent({ ...record, value: record.value.toString(), body: '' } as never) as CloudEvent<unknown>;
    expect(read).toMatchObject({ id: full.requestId, source: full.source, berthminposition: '1042', data });
    expect(read.validate()).toBe(true);
  });

  it('needs no more than an id and an attestation, and tolerates what it does not know', () => {
    const event = {
      ...envelope,
      berthminposition: undefined,
      traceparent: '00-1',
      data: { registrationId: 'a', attestation: { type: 'gateway', more: 1 }, more: { deep: [[[]]] } },
    };
    expect(parseRegistrationRequest(structured(event, 'a'))).toEqual({
      ok: true,
      request: { requestId: 'wish-1', source: full.source, registrationId: 'a', attestation: { type: 'gateway' } },
    });
  });

  it('may carry an X.509 chain', () => {
    const chain = ['TUlJ', 'TUlKQQ=='];
    const parsed = parseRegistrationRequest(withData({ attestation: { type: 'x509', chain } }));
    expect(parsed).toMatchObject({ ok: true, request: { attestation: { type: 'x509', chain } } });
  });

  it('may carry its data as base64, as the JSON format allows', () => {
    const event = { ...envelope, data: undefined, data_base64: Buffer.from(JSON.stringify(data)).toString('base64') };
    expect(parseRegistrationRequest(structured(event))).toEqual({ ok: true, request: full });
  });

  it('is the same from HTTP, percent-encoding undone', () => {
    const headers = {
      'content-type': 'application/json',
      'ce-specversion': '1.0',
      'ce-id': 'wish-1',
      'ce-source': '/gateways/pl%C3%A4nt%207',
      'ce-type': envelope.type,
      'ce-berthminposition': '1042',
      'x-other': 'y',
    };
    const parsed = parseGatewayMessage(fromHttp(headers, Buffer.from(JSON.stringify(data))));
    expect(parsed).toEqual({ ok: true, request: { ...full, source: '/gateways/plänt 7' } });
  });

  it.each([['a'], ['A.b_c:d-'], ['-'], [`${'x'.repeat(127)}9`]])('takes the registration id %s', (registrationId) => {
    const parsed = parseRegistrationRequest(
      structured({ ...envelope, data: { ...data, registrationId } }, registrationId.toLowerCase()),
    );
    expect(parsed.ok).toBe(true);
  });

  it('with a hub of an inherited name has that hub and no other', () => {
    const text = JSON.stringify(envelope).replace('"hub-a"', '"constructor"');
    const parsed = parseRegistrationRequest(structured(text));
    if (!parsed.ok) throw new Error(parsed.reason);
    expect(Object.keys(parsed.request.hubLatencies!)).toEqual(['constructor', 'hub-b']);
    expect(parsed.request.hubLatencies!['toString']).toBeUndefined();
  });
});

describe('a bad registration event is refused with the place of the fault', () => {
  const refusals: [string, LogRecord, string[], RegExp][] = [
    ['no JSON', structured('{"specversion":'), [], /must be JSON/],
    ['no object', structured('[1]'), [], /must be a JSON object/],
    ['no UTF-8', { ...structured(''), value: Buffer.from([0x22, 0xff, 0xfe, 0x22]) }, [], /UTF-8/],
    ['nothing', structured(''), [], /must be JSON/],
    ['another version', structured({ ...envelope, specversion: '0.3' }), ['specversion'], /1\.0/],
    ['no id', structured({ ...envelope, id: undefined }), ['id'], /is missing/],
    ['a number as id', structured({ ...envelope, id: 7 }), ['id'], /string of 1 to 256/],
    ['an id of 10 KB', structured({ ...envelope, id: 'i'.repeat(10_240) }), ['id'], /1 to 256/],
    ['no source', structured({ ...envelope, source: '' }), ['source'], /1 to 512/],
    ['another type', structured({ ...envelope, type: 'x' }), ['type'], /requested\.v1/],
    [
      'data that is no JSON type',
      structured({ ...envelope, datacontenttype: 'text/xml' }),
      ['datacontenttype'],
      /json/,
    ],
    ['a position that is none', structured({ ...envelope, berthminposition: '1e3' }), ['berthminposition'], /digits/],
    ['no data', structured({ ...envelope, data: undefined }), ['data'], /is missing/],
    ['data that is an array', structured({ ...envelope, data: [] }), ['data'], /must be an object/],
    [
      'data that is rubbish in base64',
      structured({ ...envelope, data: undefined, data_base64: '%%' }),
      ['data_base64'],
      /base64/,
    ],
    ['no registration id', withData({ registrationId: undefined }), ['data', 'registrationId'], /is missing/],
    ['a registration id of 129', withData({ registrationId: 'a'.repeat(129) }), ['data', 'registrationId'], /1 to 128/],
    [
      'a registration id of 10 KB',
      withData({ registrationId: 'a'.repeat(10_240) }),
      ['data', 'registrationId'],
      /1 to 128/,
    ],
    ['an id with a slash', withData({ registrationId: 'a/b' }), ['data', 'registrationId'], /characters/],
    ['an id with a line end', withData({ registrationId: 'press-01\n' }), ['data', 'registrationId'], /characters/],
    ['an id that ends in a dot', withData({ registrationId: 'a.' }), ['data', 'registrationId'], /end in/],
    ['an id that ends in an underscore', withData({ registrationId: 'a_' }), ['data', 'registrationId'], /end in/],
    ['no attestation', withData({ attestation: undefined }), ['data', 'attestation'], /is missing/],
    [
      'an unknown attestation',
      withData({ attestation: { type: 'tpm' } }),
      ['data', 'attestation', 'type'],
      /must be symmetricKey/,
    ],
    ['an attestation without type', withData({ attestation: {} }), ['data', 'attestation', 'type'], /./],
    ['no token', withData({ attestation: { type: 'symmetricKey' } }), ['data', 'attestation', 'token'], /is missing/],
    [
      'an empty chain',
      withData({ attestation: { type: 'x509', chain: [] } }),
      ['data', 'attestation', 'chain'],
      /1 to 10/,
    ],
    [
      'a chain of PEM',
      withData({ attestation: { type: 'x509', chain: ['-----BEGIN'] } }),
      ['data', 'attestation', 'chain', '0'],
      /base64/,
    ],
    [
      'a negative latency',
      withData({ hubLatencies: { a: { ms: -1 } } }),
      ['data', 'hubLatencies', 'a', 'ms'],
      /milliseconds/,
    ],
    [
      'an endless latency',
      structured(JSON.stringify(envelope).replace('12.4', '1e999')),
      ['data', 'hubLatencies', 'hub-a', 'ms'],
      /./,
    ],
    ['latencies that are a list', withData({ hubLatencies: [] }), ['data', 'hubLatencies'], /object/],
    [
      'a hub that can have no name',
      withData({ hubLatencies: { 'a b': { ms: 1 } } }),
      ['data', 'hubLatencies'],
      /names of hubs/,
    ],
    [
      'a hub called __proto__',
      structured(JSON.stringify(envelope).replace('"hub-a"', '"__proto__"')),
      ['data', 'hubLatencies'],
      /names of hubs/,
    ],
    ['a payload over 96 KB', withData({ payload: 'p'.repeat(payloadBytesMax) }), ['data', 'payload'], /98304 bytes/],
    [
      'a payload that grows over 96 KB',
      structured(
        JSON.stringify(envelope)
          .replace('12.4', '1')
          .replace('"model":"m1"', `"n":[${'1E20,'.repeat(5_000)}0]`),
      ),
      ['data', 'payload'],
      /98304 bytes/,
    ],
    [
      'a payload nested 10,000 deep',
      structured(JSON.stringify(envelope).replace('"m1"', `${'['.repeat(10_000)}${']'.repeat(10_000)}`)),
      ['data', 'payload'],
      /32 levels/,
    ],
    ['a message over 256 KB', withData({ other: 'p'.repeat(eventBytesMax) }), [], /at most 262144/],
    ['another key', structured(envelope, 'press-02'), ['key'], /lower case/],
    ['a key in capitals', structured(envelope, 'Press-01'), ['key'], /lower case/],
    ['no key', structured(envelope, null), ['key'], /lower case/],
    [
      'a batch',
      { ...structured([envelope]), headers: { 'content-type': 'application/cloudevents-batch+json' } },
      ['content-type'],
      /cloudevents\+json/,
    ],
    ['no CloudEvent at all', { ...structured(envelope), headers: {} }, [], /no CloudEvent/],
    [
      'headers called like prototypes',
      {
        ...structured(envelope),
        headers: JSON.parse('{"__proto__":"x","ce___proto__":"y","constructor":"z"}') as Record<string, string>,
      },
      [],
      /no CloudEvent/,
    ],
    [
      'a binary event without id',
      { ...structured(data), headers: { ce_specversion: '1.0', ce_type: envelope.type, ce_source: 's' } },
      ['id'],
      /is missing/,
    ],
    [
      'a binary event of text',
      {
        ...structured(data),
        headers: {
          'content-type': 'text/plain',
          ce_specversion: '1.0',
          ce_id: '1',
          ce_type: envelope.type,
          ce_source: 's',
        },
      },
      ['datacontenttype'],
      /json/,
    ],
    ['a binary event of rubbish', { ...structured('\u0000{'), headers: { ce_specversion: '1.0' } }, ['data'], /JSON/],
  ];

  it.each(refusals)('%s', (_, record, path, reason) => {
    expect(parseRegistrationRequest(record)).toEqual({ ok: false, path, reason: expect.stringMatching(reason) });
  });

  it('whatever the bytes: it never throws', () => {
    const value = fc.oneof(
      fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
      fc.json({ maxDepth: 6 }).map((text) => Buffer.from(text)),
      fc.jsonValue().map((some) => Buffer.from(JSON.stringify({ ...envelope, data: some }))),
      fc
        .jsonValue()
        .map((some) =>
          Buffer.from(JSON.stringify({ ...envelope, data: { ...data, attestation: some, hubLatencies: some } })),
        ),
    );
    const headers = fc.oneof(
      fc.constant({ 'content-type': 'application/cloudevents+json' }),
      fc.constant({ ce_specversion: '1.0', ce_id: 'x', ce_source: 'y', ce_type: envelope.type }),
      fc.dictionary(fc.string(), fc.string()),
    );
    fc.assert(
      fc.property(value, headers, (bytes, some) => {
        const parsed = parseRegistrationRequest({ key: 'k', value: bytes, headers: some });
        expect(typeof parsed.ok).toBe('boolean');
      }),
      { numRuns: 2_000 },
    );
  });
});
