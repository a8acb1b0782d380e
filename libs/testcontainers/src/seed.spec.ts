import { describe, expect, it } from '@jest/globals';
import { enrollmentOf, hubOf, parseSeed } from './seed.js';

describe('a seed', () => {
  it('is read line by line, in order, past empty lines', () => {
    const ndjson = `{"hub":{"name":"hub-a"}}\n\n{"registration":{"registrationId":"press-01"}}\n`;
    expect(parseSeed(ndjson)).toEqual([{ hub: { name: 'hub-a' } }, { registration: { registrationId: 'press-01' } }]);
  });

  it.each(['nonsense', '7', 'null', '{"hub":'])('names the line that is no object: %s', (line) => {
    expect(() => parseSeed(`{"hub":{"name":"hub-a"}}\n${line}`)).toThrow('Line 2 of the seed is not a JSON object');
  });

  it.each(['{}', '{"device":{}}', '{"hub":{},"policy":{}}', '[]'])('names the line that is no step: %s', (line) => {
    expect(() => parseSeed(line)).toThrow('Line 1 of the seed must be an object with one of the keys hub, policy');
  });
});

describe('a bare name', () => {
  it('is a hub with nothing special about it', () => {
    expect(hubOf('hub-a')).toEqual({ name: 'hub-a' });
    expect(hubOf({ name: 'hub-a', weight: 2 })).toEqual({ name: 'hub-a', weight: 2 });
  });

  it("is an enrollment that trusts the test's edge gateway", () => {
    const attestation = { gateway: { sources: ['/testcontainers'] } };
    expect(enrollmentOf('press-01')).toEqual({ registrationId: 'press-01', attestation });
  });
});
