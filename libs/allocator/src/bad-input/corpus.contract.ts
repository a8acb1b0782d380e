import { type LogRecord } from '@berth/registration-log';
import { createHmac } from 'node:crypto';
import { gzipSync } from 'node:zlib';

/**
 * What a producer may put on `berth.registrations`, each kind with what becomes of it. The world it meets: id scope
 * `0ne0TEST`, 2026-01-01, the hubs `hub-a` and `hub-b` (the latter with the label `site=paris`), and the enrollments `press-01`
 * (gateway `/gateways/one`), `off` (the same, disabled), `near` (by lowest latency), `paris` (for that label), `asked` (a webhook
 * chooses, and answers what the payload says it should) and `press-key` (symmetric key `deviceKey`).
 */
export interface BadInput {
  name: string;
  record: LogRecord;
  /** Decided: the answer's status, its error code, and words of its reason. Rejected: words of the reason, and where. Noted: a report. */
  outcome:
    | { decided: 'assigned' | 'failed' | 'disabled'; errorCode?: number; reason?: string }
    | { rejected: string; path: string }
    | { noted: true };
}

export const idScope = '0ne0TEST';
export const source = '/gateways/one';
export const deviceKey = Buffer.alloc(32, 'k');

const eventType = 'io.berth.registration.requested.v1';
const reportType = 'io.berth.latency.reported.v1';
const structuredType = 'application/cloudevents+json';

type Outcome = BadInput['outcome'];
const assigned: Outcome = { decided: 'assigned' };
const unknown: Outcome = { decided: 'failed', errorCode: 404201, reason: 'there is no enrollment' };
const unproven = (reason: string): Outcome => ({ decided: 'failed', errorCode: 401002, reason });
const rejected = (reason: string, path = ''): Outcome => ({ rejected: reason, path });
const noted: Outcome = { noted: true };
const refusedBy = (reason: string): Outcome => ({ decided: 'failed', errorCode: 400207, reason });

const notJson = rejected('must be JSON in UTF-8');
const noObject = rejected('must be a JSON object');
const noCloudEvent = rejected('is no CloudEvent');

type Json = Readonly<Record<string, unknown>>;

/** An honest event with other attributes (`undefined` leaves one out) and other data. */
function event(attributes: Json = {}, data: Json = {}): Json {
  const honest = { registrationId: 'press-01', attestation: { type: 'gateway' } };
  return { specversion: '1.0', type: eventType, id: 'wish', source, data: { ...honest, ...data }, ...attributes };
}

function bytes(
  value: string | Buffer,
  headers: Record<string, string> = { 'content-type': structuredType },
): LogRecord {
  return { key: 'press-01', value: Buffer.from(value), headers };
}

function structured(content: Json, key: string | null = 'press-01'): LogRecord {
  return { key, value: Buffer.from(JSON.stringify(content)), headers: { 'content-type': structuredType } };
}

const binaryHeaders = {
  'content-type': 'application/json',
  ce_specversion: '1.0',
  ce_type: eventType,
  ce_id: 'wish',
  ce_source: source,
};

/** In binary mode; a header of `null` is left out. */
function binary(changes: Readonly<Record<string, string | null>> = {}, value?: string): LogRecord {
  const headers = Object.entries({ ...binaryHeaders, ...changes }).filter(
    (one): one is [string, string] => one[1] !== null,
  );
  return {
    key: 'press-01',
    value: Buffer.from(value ?? JSON.stringify(event()['data'])),
    headers: Object.fromEntries(headers),
  };
}

/** For a device that is what its message says, whatever that is: the key is right. */
function device(registrationId: string): LogRecord {
  return structured(event({}, { registrationId }), registrationId.toLowerCase());
}

function attested(attestation: unknown): LogRecord {
  return structured(event({}, { attestation }));
}

interface TokenParts {
  sr?: string;
  se?: string;
  skn?: string;
  key?: Buffer;
  /** What is signed, if not what is said. */
  signed?: string;
}

// prettier-ignore
export function token({ sr = `${idScope}/registrations/press-key`, se = '2000000000', skn = 'registration', ...how }: TokenParts = {}): string {
  const signature = createHmac('sha256', how.key ?? deviceKey)
    .update(how.signed ?? `${sr}\n${se}`)
    .digest('base64');
  return `SharedAccessSignature sr=${sr}&sig=${encodeURIComponent(signature)}&skn=${skn}&se=${se}`;
}

function withToken(text: unknown): LogRecord {
  const data = { registrationId: 'press-key', attestation: { type: 'symmetricKey', token: text } };
  return structured(event({}, data), 'press-key');
}

const nested = (depth: number, open = '[', close = ']') => open.repeat(depth) + close.repeat(depth);
/** An honest event with a text put into its data as it is, for what `JSON.stringify` would not write. */
const spliced = (member: string) => {
  const text = JSON.stringify(event());
  return bytes(text.replace('"data":{', `"data":{${member},`));
};

const row = (name: string, record: LogRecord, outcome: Outcome): BadInput => ({ name, record, outcome });

const honestText = JSON.stringify(event());

// prettier-ignore
const noEventAtAll: BadInput[] = [
  row('nothing (a tombstone, or an empty value)', bytes(''), notJson),
  row('a space', bytes(' '), notJson),
  row('a NUL byte', bytes('\0'), notJson),
  row('binary rubbish', bytes(Buffer.from([0xff, 0xfe, 0x00, 0x7b, 0x80])), notJson),
  row('256 KiB of binary rubbish', bytes(Buffer.alloc(262_144, 0x9d)), notJson),
  row('JSON in UTF-16, little end first', bytes(Buffer.from(honestText, 'utf16le')), notJson),
  row('JSON in UTF-16, big end first', bytes(Buffer.from(honestText, 'utf16le').swap16()), notJson),
  row('JSON in UTF-8 after a byte order mark', bytes(`\ufeff${honestText}`), notJson),
  row('JSON in Latin-1', bytes(Buffer.from(honestText.replace('wish', 'w\u00fcnsch'), 'latin1')), notJson),
  row('UTF-8 cut in the middle of a character', bytes(Buffer.from(honestText.replace('wish', 'w\u00fc')).subarray(0, 82)), notJson),
  row('overlong UTF-8', bytes(Buffer.concat([Buffer.from('{"id":"'), Buffer.from([0xc0, 0xaf]), Buffer.from('"}')])), notJson),
  row('a surrogate in UTF-8', bytes(Buffer.concat([Buffer.from('{"id":"'), Buffer.from([0xed, 0xa0, 0x80]), Buffer.from('"}')])), notJson),
  row('JSON cut in the middle', bytes(honestText.slice(0, 60)), notJson),
  row('JSON without its last bracket', bytes(honestText.slice(0, -1)), notJson),
  row('JSON with a comma too many', bytes(honestText.replace('}}', '},}')), notJson),
  row('JSON with single quotes', bytes(honestText.replaceAll('"', "'")), notJson),
  row('JSON with a comment', bytes(`/* a wish */ ${honestText}`), notJson),
  row('JSON with NaN', spliced('"payload":NaN'), notJson),
  row('JSON with Infinity', spliced('"payload":-Infinity'), notJson),
  row('JSON with a number in hexadecimal', spliced('"payload":0xff'), notJson),
  row('JSON with a leading zero', spliced('"payload":007'), notJson),
  row('JSON with a control character in a string', bytes(honestText.replace('wish', 'wi\u0001sh')), notJson),
  row('JSON with a wrong escape', bytes(honestText.replace('wish', 'wi\\xsh')), notJson),
  row('two events, one after the other', bytes(honestText + honestText), notJson),
  row('two events on lines of their own', bytes(`${honestText}\n${honestText}\n`), notJson),
  row('XML', bytes('<event><id>wish</id></event>'), notJson),
  row('YAML', bytes('specversion: "1.0"\nid: wish\n'), notJson),
  row('a query string', bytes('specversion=1.0&id=wish'), notJson),
  row('an event compressed by gzip', bytes(gzipSync(honestText)), notJson),
  row('an event in base64', bytes(Buffer.from(honestText).toString('base64')), notJson),
  row('a MessagePack map', bytes(Buffer.from([0x81, 0xa2, 0x69, 0x64, 0xa1, 0x61])), notJson),
  row('an Avro container', bytes(Buffer.from('Obj\x01\x04\x14avro.codec\x08null\x00')), notJson),
  row('a message of the schema registry', bytes(Buffer.concat([Buffer.from([0, 0, 0, 0, 7]), Buffer.from(honestText)])), notJson),
  row('the JSON null', bytes('null'), noObject),
  row('the JSON true', bytes('true'), noObject),
  row('a JSON number', bytes('42'), noObject),
  row('a JSON number beyond all bounds', bytes('1e999'), noObject),
  row('a JSON string', bytes('"wish"'), noObject),
  row('an event as a JSON string', bytes(JSON.stringify(honestText)), noObject),
  row('an empty JSON array', bytes('[]'), noObject),
  row('an array with an event, as HTTP takes it', bytes(`[${honestText}]`), noObject),
  row('an empty JSON object', bytes('{}'), rejected('is missing', '/specversion')),
  row('arrays nested 10,000 deep', bytes(nested(10_000)), noObject),
  row('arrays nested 100,000 deep', bytes(nested(100_000)), noObject),
  row('arrays opened 200,000 times and never closed', bytes('['.repeat(200_000)), notJson),
  row('objects nested 10,000 deep', bytes(nested(10_000, '{"a":', '}').replace('{"a":}', '{}')), rejected('is missing', '/specversion')),
  row('an event of 256 KiB and a byte', bytes(honestText.padEnd(262_145)), rejected('takes 262145 bytes')),
  row('an event of 256 KiB, most of it space', bytes(honestText.padEnd(262_144)), assigned),
  row('a payload of 1 MB less the envelope', bytes(spliced(`"payload":"${'x'.repeat(990_000)}"`).value), rejected('at most 262144 are allowed')),
];

// prettier-ignore
const contentTypes: BadInput[] = [
  row('no headers at all', bytes(honestText, {}), noCloudEvent),
  row('a content type of plain JSON, and no attributes', bytes(honestText, { 'content-type': 'application/json' }), noCloudEvent),
  row('a content type of text', bytes(honestText, { 'content-type': 'text/plain' }), noCloudEvent),
  row('an empty content type', bytes(honestText, { 'content-type': '' }), noCloudEvent),
  row('a content type of 10 KB', bytes(honestText, { 'content-type': 'x'.repeat(10_000) }), noCloudEvent),
  row('a batch by its content type', bytes(`[${honestText}]`, { 'content-type': 'application/cloudevents-batch+json' }), rejected('must be application/cloudevents+json', '/content-type')),
  row('an event in Avro by its content type', bytes(honestText, { 'content-type': 'application/cloudevents+avro' }), rejected('must be application/cloudevents+json', '/content-type')),
  row('a content type in capitals', bytes(honestText, { 'Content-Type': 'Application/CloudEvents+JSON; charset=UTF-8' }), assigned),
  row('attributes in headers besides those in the event', bytes(honestText, { 'content-type': structuredType, ce_id: '', ce_type: 'other' }), assigned),
  row(
    'headers by the hundred',
    bytes(honestText, {
      'content-type': structuredType,
      ...Object.fromEntries(Array.from({ length: 500 }, (_, at) => [`h${at}`, 'x'])),
    }),
    assigned,
  ),
  row(
    'a header called __proto__',
    bytes(
      honestText,
      Object.fromEntries([
        ['content-type', structuredType],
        ['__proto__', 'x'],
      ]),
    ),
    assigned,
  ),
];

// prettier-ignore
const binaryMode: BadInput[] = [
  row('binary mode, honest', binary(), assigned),
  row('binary mode without a content type', binary({ 'content-type': null }), assigned),
  row('binary mode with a JSON type of its own', binary({ 'content-type': 'application/vnd.press+json' }), assigned),
  row('binary mode with data in XML', binary({ 'content-type': 'text/xml' }), rejected('must be application/json', '/datacontenttype')),
  row('binary mode without a version', binary({ ce_specversion: null }), noCloudEvent),
  row('binary mode without a type', binary({ ce_type: null }), rejected('is missing', '/type')),
  row('binary mode without an id', binary({ ce_id: null }), rejected('is missing', '/id')),
  row('binary mode without a source', binary({ ce_source: null }), rejected('is missing', '/source')),
  row('binary mode with an empty id', binary({ ce_id: '' }), rejected('1 to 256', '/id')),
  row('binary mode with an empty source', binary({ ce_source: '' }), rejected('1 to 512', '/source')),
  row('binary mode with an id of 10 KB', binary({ ce_id: 'x'.repeat(10_000) }), rejected('1 to 256', '/id')),
  row('binary mode of version 0.3', binary({ ce_specversion: '0.3' }), rejected('must be "1.0"', '/specversion')),
  row('binary mode of another type', binary({ ce_type: 'com.example.made' }), rejected(eventType, '/type')),
  row('binary mode with a position that is none', binary({ ce_berthminposition: 'soon' }), rejected('must be a position', '/berthminposition')),
  row('binary mode with names in capitals', binary({ ce_id: null, CE_ID: 'wish' }), rejected('is missing', '/id')),
  row('binary mode with dashes, as HTTP has them', binary({ ce_id: null, 'ce-id': 'wish' }), rejected('is missing', '/id')),
  row('binary mode with an attribute called __proto__', binary({ ce___proto__: 'x' }), assigned),
  row('binary mode with an attribute called constructor', binary({ ce_constructor: 'x' }), assigned),
  row('binary mode with an attribute without a name', binary({ ce_: 'x' }), assigned),
  row('binary mode whose data is given once more as an attribute', binary({ ce_data: 'x' }), assigned),
  row('binary mode without data', binary({}, ''), rejected('must be JSON', '/data')),
  row('binary mode with data that is no JSON', binary({}, '{'), rejected('must be JSON', '/data')),
  row('binary mode with null for data', binary({}, 'null'), rejected('must be an object', '/data')),
  row('binary mode with an array for data', binary({}, '[]'), rejected('must be an object', '/data')),
  row('binary mode with a whole event for data', binary({}, honestText), rejected('is missing', '/data/registrationId')),
];

/** What each attribute can't be: of every wrong kind, and what is peculiar to it. */
const wrongKinds: readonly [string, unknown][] = [
  ['null', null],
  ['a number', 1],
  ['false', false],
  ['an array', ['wish']],
  ['an object', { a: 1 }],
];
// prettier-ignore
const attributes: BadInput[] = [
  ...['specversion', 'id', 'source', 'type'].flatMap((name) => [
    row(`no ${name}`, structured(event({ [name]: undefined })), rejected('is missing', `/${name}`)),
    row(`an empty ${name}`, structured(event({ [name]: '' })), rejected('must be', `/${name}`)),
    ...wrongKinds.map(([kind, value]) => row(`${kind} for ${name}`, structured(event({ [name]: value })), rejected('must be', `/${name}`))),
  ]),
  row('version 0.3', structured(event({ specversion: '0.3' })), rejected('must be "1.0"', '/specversion')),
  row('version 1.1', structured(event({ specversion: '1.1' })), rejected('must be "1.0"', '/specversion')),
  row('version 1', structured(event({ specversion: '1' })), rejected('must be "1.0"', '/specversion')),
  row('the version as a number', structured(event({ specversion: 1.0 })), rejected('must be "1.0"', '/specversion')),
  row('the version with a space', structured(event({ specversion: '1.0 ' })), rejected('must be "1.0"', '/specversion')),
  row('an id of 256 characters', structured(event({ id: 'x'.repeat(256) })), assigned),
  row('an id of 257 characters', structured(event({ id: 'x'.repeat(257) })), rejected('1 to 256', '/id')),
  row('an id of 10 KB', structured(event({ id: 'x'.repeat(10_000) })), rejected('1 to 256', '/id')),
  row('an id of control characters', structured(event({ id: '\u0000\u0007\r\n' })), assigned),
  row('an id that is half a character', structured(event({ id: '\ud83d' })), assigned),
  row('an id of characters that turn the text around', structured(event({ id: '\u202eshiw' })), assigned),
  row('an id of markup', structured(event({ id: '<script>alert(1)</script>' })), assigned),
  row('an id of SQL', structured(event({ id: "'; DROP TABLE registrations; --" })), assigned),
  row('a source of 513 characters', structured(event({ source: 'x'.repeat(513) })), rejected('1 to 512', '/source')),
  row('a source that the enrollment does not trust', structured(event({ source: '/gateways/evil' })), unproven("'/gateways/evil'")),
  row('a source in capitals', structured(event({ source: '/Gateways/One' })), unproven('does not trust')),
  row('a source with a space at its end', structured(event({ source: '/gateways/one ' })), unproven('does not trust')),
  row('the type of an answer', structured(event({ type: 'io.berth.registration.completed.v1' })), rejected(eventType, '/type')),
  row('a report of latencies without latencies', structured(event({ type: reportType })), rejected('is missing', '/data/hubLatencies')),
  row('a report of latencies by a device', structured(event({ type: reportType }, { hubLatencies: { 'hub-a': { ms: 1 } } })), rejected('source', '/key')),
  row('a report of a latency below zero', structured(event({ type: reportType }, { hubLatencies: { 'hub-a': { ms: -1 } } }), source), rejected('must be', '/data/hubLatencies/hub-a/ms')),
  row('the next version of the type', structured(event({ type: 'io.berth.registration.requested.v2' })), rejected(eventType, '/type')),
  row('the type in capitals', structured(event({ type: eventType.toUpperCase() })), rejected(eventType, '/type')),
  row("somebody else's type", structured(event({ type: 'com.example.order.placed' })), rejected(eventType, '/type')),
  row('data in XML by its content type', structured(event({ datacontenttype: 'application/xml' })), rejected('application/json', '/datacontenttype')),
  row('a number for the data content type', structured(event({ datacontenttype: 1 })), rejected('application/json', '/datacontenttype')),
  row('a data content type of 10 KB', structured(event({ datacontenttype: `application/json;${'x'.repeat(10_000)}` })), rejected('application/json', '/datacontenttype')),
  row('a position that is a number', structured(event({ berthminposition: 7 })), rejected('must be a position', '/berthminposition')),
  row('a position below zero', structured(event({ berthminposition: '-1' })), rejected('must be a position', '/berthminposition')),
  row('an empty position', structured(event({ berthminposition: '' })), rejected('must be a position', '/berthminposition')),
  row('a position of 21 digits', structured(event({ berthminposition: '9'.repeat(21) })), rejected('must be a position', '/berthminposition')),
  row('a position in hexadecimal', structured(event({ berthminposition: '0xff' })), rejected('must be a position', '/berthminposition')),
  row('a position that no store will ever reach', structured(event({ berthminposition: '9'.repeat(20) })), assigned),
  row('attributes nobody knows', structured(event({ shoesize: 43, traceparent: '00-0', nested: { a: [1] } })), assigned),
  row('an attribute called __proto__', bytes(honestText.replace('{', '{"__proto__":{"id":"other"},')), assigned),
  row('an id given twice', bytes(honestText.replace('"id":"wish"', '"id":"first","id":"wish"')), assigned),
  row('a type given twice, honest first', bytes(honestText.replace('{', '{').replace('"id"', '"type":"com.example.made","id"')), rejected(eventType, '/type')),
];

// prettier-ignore
const dataMember: BadInput[] = [
  row('no data', structured(event({ data: undefined })), rejected('is missing', '/data')),
  ...([...wrongKinds.slice(0, 4), ['a string', 'press-01']] as const).map(([kind, value]) => row(`${kind} for data`, structured(event({ data: value })), rejected('must be an object', '/data'))),
  row('empty data', structured(event({ data: {} })), rejected('is missing', '/data/registrationId')),
  row('data given twice, honest first', bytes(`${honestText.slice(0, -1)},"data":{}}`), rejected('is missing', '/data/registrationId')),
  row('data in base64', structured(event({ data: undefined, data_base64: Buffer.from(JSON.stringify(event()['data'])).toString('base64') })), assigned),
  row('data in base64 that is no JSON', structured(event({ data: undefined, data_base64: 'AAAA' })), rejected('base64 of JSON', '/data_base64')),
  row('data in base64 that is no base64', structured(event({ data: undefined, data_base64: '???' })), rejected('base64 of JSON', '/data_base64')),
  row('a number for data in base64', structured(event({ data: undefined, data_base64: 7 })), rejected('base64 of JSON', '/data_base64')),
  row('data, and other data in base64', structured(event({ data_base64: 'AAAA' })), assigned),
  row('fields nobody knows', structured(event({}, { shoesize: 43, nested: { a: [1] } })), assigned),
  row('a field nobody knows, nested 10,000 deep', spliced(`"other":${nested(10_000)}`), assigned),
  row('a field called __proto__ that says who it is', spliced('"__proto__":{"registrationId":"off"}'), assigned),
  row('a field called constructor', spliced('"constructor":{"prototype":{"registrationId":"off"}}'), assigned),
  row('a registration id only by __proto__', bytes(honestText.replace('"registrationId":"press-01"', '"__proto__":{"registrationId":"press-01"}')), rejected('is missing', '/data/registrationId')),
  row('a registration id given twice, the last one honest', spliced('"registrationId":"other"'), assigned),
  row('a registration id given twice, the first one honest', bytes(honestText.replace('"registrationId":"press-01"', '"registrationId":"press-01","registrationId":"other"')), rejected('must be the registration id', '/key')),
];

const badId = rejected('must be 1 to 128 of the characters', '/data/registrationId');
// prettier-ignore
const ids: BadInput[] = [
  row('no registration id', structured(event({}, { registrationId: undefined })), rejected('is missing', '/data/registrationId')),
  ...wrongKinds.map(([kind, value]) => row(`${kind} for a registration id`, structured(event({}, { registrationId: value })), badId)),
  row('an empty registration id', device(''), badId),
  row('a registration id of 128 characters', device('x'.repeat(128)), unknown),
  row('a registration id of 129 characters', device('x'.repeat(129)), badId),
  row('a registration id of 10 KB', device('x'.repeat(10_000)), badId),
  ...(
    [
      ['a space', 'press 01'],
      ['a space at its end', 'press-01 '],
      ['a line feed at its end', 'press-01\n'],
      ['a NUL', 'press-01\0'],
      ['a slash', 'press/01'],
      ['a way up', '../../press-01'],
      ['a percent sign', 'press%2d01'],
      ['a quotation mark', 'press"01'],
      ['an apostrophe and SQL', "x'; DROP TABLE registrations; --"],
      ['markup', '<b>press</b>'],
      ['a dollar and braces', '${press}'],
      ['an umlaut', 'pr\u00e4sse-01'],
      ['a Cyrillic letter that looks like a Latin one', 'pr\u0435ss-01'],
      ['digits of full width', 'press-\uff10\uff11'],
      ['a letter whose lower case is ASCII', '\u212aress-01'],
      ['an invisible joiner', 'press\u200d-01'],
      ['characters that turn the text around', '\u202e10-sserp'],
      ['a picture', 'press-\u{1f6a2}'],
      ['a dot at its end', 'press-01.'],
      ['an underscore at its end', 'press_'],
      ['a colon at its end', 'press:'],
    ] as const
  ).map(([what, id]) => row(`a registration id with ${what}`, device(id), badId)),
  row('a registration id with half a character', structured(event({}, { registrationId: 'press-\ud83d' })), badId),
  row('the registration id __proto__', device('__proto__'), badId),
  ...['constructor', 'toString', 'hasOwnProperty', 'prototype', 'null', 'undefined', '0', '-1', '$all-1'.replace('$', ''), 'ledger-0', 'NaN'].map((id) => row(`the registration id ${id}`, device(id), unknown)),
  row('a registration id in capitals', device('PRESS-01'), assigned),
  row('a registration id with dots and colons before its end', device('a.b:c_d-e'), unknown),
];

const wrongKey = rejected('must be the registration id in lower case', '/key');
// prettier-ignore
const keys: BadInput[] = [
  row('no key', structured(event(), null), wrongKey),
  row('an empty key', structured(event(), ''), wrongKey),
  row('a key in capitals', structured(event(), 'PRESS-01'), wrongKey),
  row("another device's key", structured(event(), 'press-02'), wrongKey),
  row('a key with a space', structured(event(), 'press-01 '), wrongKey),
  row('a key with a quotation mark, as JSON serialisers send it', structured(event(), '"press-01"'), wrongKey),
  row('a key of 10 KB', structured(event(), 'k'.repeat(10_000)), wrongKey),
  row('a key of 700 KB', structured(event(), 'k'.repeat(700_000)), wrongKey),
  row('a key that is a number', structured(event(), '17'), wrongKey),
  row('a key of NUL bytes', structured(event(), '\0\0\0'), wrongKey),
  row('the key __proto__', structured(event(), '__proto__'), wrongKey),
];

const badType = rejected('must be symmetricKey, x509 or gateway', '/data/attestation/type');
const certificate = Buffer.alloc(600, 1).toString('base64');
// prettier-ignore
const attestations: BadInput[] = [
  row('no attestation', attested(undefined), rejected('is missing', '/data/attestation')),
  ...([...wrongKinds.slice(0, 4), ['a string', 'gateway']] as const).map(([kind, value]) => row(`${kind} for an attestation`, attested(value), rejected('must be an object', '/data/attestation'))),
  row('an attestation without a type', attested({}), rejected('is missing', '/data/attestation/type')),
  row('an attestation of type tpm', attested({ type: 'tpm', endorsementKey: 'AAAA' }), badType),
  row('an attestation of type none', attested({ type: 'none' }), badType),
  row('an attestation of a type in capitals', attested({ type: 'Gateway' }), badType),
  row('an attestation of type __proto__', attested({ type: '__proto__' }), badType),
  row('an attestation of two types', attested({ type: ['gateway'] }), badType),
  row('an attestation of type null', attested({ type: null }), badType),
  row('an attestation with more than it needs', attested({ type: 'gateway', token: 7, chain: 'x' }), assigned),
  row('no token', attested({ type: 'symmetricKey' }), rejected('is missing', '/data/attestation/token')),
  row('an empty token', attested({ type: 'symmetricKey', token: '' }), rejected("the device's SAS token", '/data/attestation/token')),
  row('a token of 4,097 characters', attested({ type: 'symmetricKey', token: 'x'.repeat(4_097) }), rejected('1 to 4096', '/data/attestation/token')),
  ...wrongKinds.map(([kind, value]) => row(`${kind} for a token`, attested({ type: 'symmetricKey', token: value }), rejected('SAS token', '/data/attestation/token'))),
  row('no chain', attested({ type: 'x509' }), rejected('is missing', '/data/attestation/chain')),
  row('an empty chain', attested({ type: 'x509', chain: [] }), rejected('1 to 10 certificates', '/data/attestation/chain')),
  row('a chain of eleven', attested({ type: 'x509', chain: Array(11).fill(certificate) }), rejected('1 to 10 certificates', '/data/attestation/chain')),
  row('a certificate for a chain', attested({ type: 'x509', chain: certificate }), rejected('1 to 10 certificates', '/data/attestation/chain')),
  row('a chain of numbers', attested({ type: 'x509', chain: [1] }), rejected('must be a certificate', '/data/attestation/chain/0')),
  row('a chain in PEM', attested({ type: 'x509', chain: ['-----BEGIN CERTIFICATE-----'] }), rejected('must be a certificate', '/data/attestation/chain/0')),
  row('a certificate of 16,385 characters', attested({ type: 'x509', chain: ['A'.repeat(16_385)] }), rejected('must be a certificate', '/data/attestation/chain/0')),
  row('a certificate that is none', attested({ type: 'x509', chain: [certificate] }), unproven('')),
  row('a token where the gateway is to vouch', attested({ type: 'symmetricKey', token: token() }), unproven('wants gateway attestation')),
  row('an unknown device', device('ghost'), unknown),
  row('a disabled device', device('off'), { decided: 'disabled', reason: 'disabled' }),
];

const noToken = unproven('is not a shared access signature');
const elsewhere = unproven('is for another resource');
const forged = unproven('matches neither key');
const releaseType = 'io.berth.registration.release.requested.v1';
function release(data: Json, attributes: Json = {}, key: string | null = 'never-seen'): LogRecord {
  return structured(
    event({ type: releaseType, data: { registrationId: 'never-seen', actor: 'ops', ...data }, ...attributes }),
    key,
  );
}

// prettier-ignore
const releases: BadInput[] = [
  row('a release of a device without a record', release({}), { decided: 'failed', errorCode: 404202, reason: 'there is no registration' }),
  row('a release of __proto__', release({ registrationId: '__proto__' }, {}, '__proto__'), badId),
  row('a release with a wrong key', release({}, {}, 'press-01'), wrongKey),
  row('a release without a key', release({}, {}, null), wrongKey),
  row('a release of nobody', release({ registrationId: undefined }), rejected('is missing', '/data/registrationId')),
  row('a release by nobody', release({ actor: undefined }), rejected('is missing', '/data/actor')),
  row('a release by a number', release({ actor: 7 }), rejected('1 to 128', '/data/actor')),
  row('a release by somebody with a name of 10 KB', release({ actor: 'x'.repeat(10_000) }), rejected('1 to 128', '/data/actor')),
  row('a release without an id', release({}, { id: undefined }), rejected('is missing', '/id')),
  row('a release of the next version', release({}, { type: releaseType.replace('v1', 'v2') }), rejected(eventType, '/type')),
];

// prettier-ignore
const tokens: BadInput[] = [
  row('an honest token', withToken(token()), assigned),
  row('the word token', withToken('token'), noToken),
  row('a token without its prefix', withToken(token().replace('SharedAccessSignature ', '')), noToken),
  row('a token with its prefix alone', withToken('SharedAccessSignature '), noToken),
  row('a token of another scheme', withToken(token().replace('SharedAccessSignature', 'Bearer')), noToken),
  row('a token without a resource', withToken(token().replace(/sr=[^&]*&/, '')), noToken),
  row('a token without a signature', withToken(token().replace(/sig=[^&]*&/, '')), noToken),
  row('a token without an expiry', withToken(token().replace(/&se=.*/, '')), noToken),
  row('a token with an empty resource', withToken(token().replace(/sr=[^&]*/, 'sr=')), noToken),
  row('a token with an empty signature', withToken(token().replace(/sig=[^&]*/, 'sig=')), noToken),
  row('a token with a short signature', withToken(token().replace(/sig=[^&]*/, 'sig=AAAA')), noToken),
  row('a token with a signature that is no base64', withToken(token().replace(/sig=[^&]*/, 'sig=%25%25%25')), noToken),
  row('a token with a broken escape', withToken(token().replace(/sig=[^&]*/, 'sig=%zz')), noToken),
  row('a token with two expiries', withToken(`${token()}&se=9999999999`), noToken),
  row('a token with a field without a name', withToken(`${token()}&=x`), noToken),
  row('a token with a field without a value', withToken(`${token()}&x`), noToken),
  row('a token that expires below zero', withToken(token({ se: '-1' })), noToken),
  row('a token that expires at no number', withToken(token({ se: 'never' })), noToken),
  row('a token that expires in exponents', withToken(token({ se: '2e9' })), noToken),
  row('a token that expires in a million million years', withToken(token({ se: '9'.repeat(20) })), noToken),
  row('a token of 2,049 characters', withToken(`${token()}&x=${'x'.repeat(2_049)}`), noToken),
  row('a token of NUL bytes', withToken('\0'.repeat(100)), noToken),
  row('a token that has expired', withToken(token({ se: '1000000000' })), unproven('the token expired')),
  row('a token that expired at the beginning of time', withToken(token({ se: '0' })), unproven('the token expired')),
  row('a token of another id scope', withToken(token({ sr: '0ne0OTHER/registrations/press-key' })), elsewhere),
  row('a token of another device', withToken(token({ sr: `${idScope}/registrations/press-01` })), elsewhere),
  row('a token of the scope as a whole', withToken(token({ sr: idScope })), elsewhere),
  row('a token whose resource has one step more', withToken(token({ sr: `${idScope}/registrations/press-key/x` })), elsewhere),
  row('a token of another policy', withToken(token({ skn: 'owner' })), unproven("skn is not 'registration'")),
  row('a token of no policy', withToken(token().replace('&skn=registration', '')), unproven("skn is not 'registration'")),
  row('a token by another key', withToken(token({ key: Buffer.alloc(32, 'x') })), forged),
  row('a token by an empty key', withToken(token({ key: Buffer.alloc(0) })), forged),
  row('a token that signs another expiry', withToken(token({ signed: `${idScope}/registrations/press-key\n1` })), forged),
  row('a token whose expiry was put off', withToken(token({ se: '1000000000' }).replace('1000000000', '2000000000')), forged),
  row('a token that signs the resource alone', withToken(token({ signed: `${idScope}/registrations/press-key` })), forged),
  row('a certificate where a token is wanted', structured(event({}, { registrationId: 'press-key', attestation: { type: 'x509', chain: [certificate] } }), 'press-key'), unproven('')),
  row("the gateway's word where a token is wanted", structured(event({}, { registrationId: 'press-key' }), 'press-key'), unproven('wants symmetricKey attestation')),
];

const ofPayload = '/data/payload';
const latencies = (hubLatencies: unknown) => structured(event({}, { hubLatencies }));
const ofLatencies = '/data/hubLatencies';
// prettier-ignore
const payloads: BadInput[] = [
  row('a payload of null', structured(event({}, { payload: null })), assigned),
  row('a payload of 96 KiB', structured(event({}, { payload: 'x'.repeat(98_302) })), assigned),
  row('a payload of 96 KiB and a byte', structured(event({}, { payload: 'x'.repeat(98_303) })), rejected('more than 98304 bytes', ofPayload)),
  row('a payload that grows fivefold when it is written', spliced(`"payload":[${Array(24_000).fill('1E20').join()}]`), rejected('more than 98304 bytes', ofPayload)),
  row('a payload 32 deep', spliced(`"payload":${nested(32)}`), assigned),
  row('a payload 33 deep', spliced(`"payload":${nested(33)}`), rejected('deeper than 32', ofPayload)),
  row('a payload 10,000 deep', spliced(`"payload":${nested(10_000)}`), rejected('deeper than 32', ofPayload)),
  row('a payload of objects 10,000 deep', spliced(`"payload":${nested(10_000, '{"a":', '}').replace('{"a":}', '{}')}`), rejected('deeper than 32', ofPayload)),
  row('a payload with __proto__', spliced('"payload":{"__proto__":{"polluted":true}}'), assigned),
  row('a payload with the same key a thousand times', spliced(`"payload":{${Array(1_000).fill('"a":1').join()}}`), assigned),
  row('a payload of 20,000 keys', structured(event({}, { payload: Object.fromEntries(Array.from({ length: 9_000 }, (_, at) => [`k${at}`, 0])) })), assigned),
  row('a payload with half a character', structured(event({}, { payload: '\udc00' })), assigned),
  row('an array for latencies', latencies([]), rejected('must be an object with one measurement', ofLatencies)),
  row('a string for latencies', latencies('fast'), rejected('must be an object', ofLatencies)),
  row('latencies of 513 hubs', latencies(Object.fromEntries(Array.from({ length: 513 }, (_, at) => [`hub-${at}`, { ms: 1 }]))), rejected('at most 512 hubs', ofLatencies)),
  row('a latency of a hub whose name is none', latencies({ 'hub a': { ms: 1 } }), rejected('names of hubs', ofLatencies)),
  row('a latency of the hub __proto__', spliced('"hubLatencies":{"__proto__":{"ms":1}}'), rejected('names of hubs', ofLatencies)),
  row('a latency of the hub constructor', latencies({ constructor: { ms: 1 } }), assigned),
  row('a latency that is a number', latencies({ 'hub-a': 1 }), rejected('must be an object with ms', `${ofLatencies}/hub-a`)),
  row('a latency without milliseconds', latencies({ 'hub-a': {} }), rejected('is missing', `${ofLatencies}/hub-a/ms`)),
  row('a latency below zero', latencies({ 'hub-a': { ms: -1 } }), rejected('0 to 86400000', `${ofLatencies}/hub-a/ms`)),
  row('a latency of years', latencies({ 'hub-a': { ms: 1e12 } }), rejected('0 to 86400000', `${ofLatencies}/hub-a/ms`)),
  row('a latency in words', latencies({ 'hub-a': { ms: '12' } }), rejected('0 to 86400000', `${ofLatencies}/hub-a/ms`)),
  row('a latency beyond all bounds', spliced('"hubLatencies":{"hub-a":{"ms":1e999}}'), rejected('0 to 86400000', `${ofLatencies}/hub-a/ms`)),
  row('a latency of half a sample', latencies({ 'hub-a': { ms: 1, samples: 0.5 } }), rejected('whole number', `${ofLatencies}/hub-a/samples`)),
  row('a latency from the future', latencies({ 'hub-a': { ms: 1, ageMs: -5 } }), rejected('0 or more', `${ofLatencies}/hub-a/ageMs`)),
  row('an empty region', structured(event({}, { region: '' })), rejected('1 to 128', '/data/region')),
  row('a region of 129 characters', structured(event({}, { region: 'x'.repeat(129) })), rejected('1 to 128', '/data/region')),
  row('a number for a region', structured(event({}, { region: 7 })), rejected('1 to 128', '/data/region')),
];

const report = (hubLatencies: Json, by = source) =>
  structured(event({ type: reportType, source: by }, { hubLatencies }), by);
const asked = (says: unknown) => structured(event({}, { registrationId: 'asked', payload: { says } }), 'asked');
/** A gateway of the corpus alone, so that what it said can be looked at in the end. */
export const reporting = { source: '/gateways/that/report', latencies: { 'hub-b': { ms: 7 } } };
// prettier-ignore
const choices: BadInput[] = [
  row('a report', report({ 'hub-a': { ms: 12 }, 'HUB-B': { ms: 80, samples: 3, ageMs: 100 } }), noted),
  row('a report that comes twice', report({ 'hub-a': { ms: 12 }, 'HUB-B': { ms: 80, samples: 3, ageMs: 100 } }), noted),
  row('a report of hubs that nobody knows', report({ constructor: { ms: 0 }, 'hub-z': { ms: 86_400_000 } }), noted),
  row('a report without samples', report({ 'hub-a': { ms: 12, samples: 0 } }), noted),
  row('a report by a gateway that nobody trusts', report(reporting.latencies, reporting.source), noted),
  row('a wish with latencies that are stale', structured(event({}, { registrationId: 'near', hubLatencies: { 'hub-b': { ms: 1, ageMs: 1e12 } } }), 'near'), assigned),
  row('a wish with latencies of unknown hubs', structured(event({}, { registrationId: 'near', hubLatencies: { 'hub-z': { ms: 1 } } }), 'near'), assigned),
  row('a wish from a region that nobody knows', structured(event({}, { registrationId: 'near', region: '__proto__' }), 'near'), assigned),
  row('a wish for a hub with a label', device('paris'), assigned),
  row('a wish that a webhook decides', asked({ iotHubHostName: 'HUB-A', payload: { a: 1 } }), assigned),
  row('a wish whose webhook names a hub that is not linked', asked({ iotHubHostName: 'hub-z' }), refusedBy("named 'hub-z', which is not linked")),
  row('a wish whose webhook names __proto__', asked({ iotHubHostName: '__proto__' }), refusedBy("which is no hub's name")),
  row('a wish whose webhook names constructor', asked({ iotHubHostName: 'constructor' }), refusedBy("named 'constructor', which is not linked")),
  row('a wish whose webhook names no hub', asked({}), refusedBy('named no hub')),
  row('a wish whose webhook says a number', asked(7), refusedBy('no JSON object')),
  row('a wish whose webhook says a payload that is none', asked({ iotHubHostName: 'hub-a', payload: 'x' }), refusedBy('payload that is no JSON object')),
];

export const badInputs: readonly BadInput[] = [
  noEventAtAll,
  contentTypes,
  binaryMode,
  attributes,
  dataMember,
  ids,
  keys,
  attestations,
  releases,
  tokens,
  payloads,
  choices,
].flat();
