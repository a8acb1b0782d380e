import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { readWebhookAnswer, type WebhookAnswer, webhookAnswerBytesMax } from './webhook-answer.js';

const nested = (levels: number): string => '{"a":'.repeat(levels) + '1' + '}'.repeat(levels);

describe('an answer of a webhook', () => {
  it('is a hub, and perhaps a twin and a payload', () => {
    const said = { iotHubHostName: 'hub-a', initialTwin: { tags: {} }, payload: { n: 1 }, more: 2 };
    const { initialTwin, payload } = said;
    expect(readWebhookAnswer(200, JSON.stringify(said))).toEqual({ hub: 'hub-a', initialTwin, payload });
    const bare = { iotHubHostName: 'hub-a', initialTwin: null, payload: null };
    for (const status of [200, 201, 299]) {
      expect(readWebhookAnswer(status, JSON.stringify(bare))).toEqual({ hub: 'hub-a' });
    }
  });

  it.each<[string, number, string, string]>([
    ['not 2xx', 503, '{"iotHubHostName":"hub-a"}', 'answered 503'],
    ['a redirect', 302, '', 'answered 302'],
    ['just beyond 2xx', 300, '{"iotHubHostName":"hub-a"}', 'answered 300'],
    ['not final', 199, '{"iotHubHostName":"hub-a"}', 'answered 199'],
    ['empty', 200, '', 'answered what is no JSON object'],
    ['no JSON', 200, '<html>', 'answered what is no JSON object'],
    ['an array', 200, '[]', 'answered what is no JSON object'],
    ['without a hub', 200, '{}', 'named no hub (iotHubHostName)'],
    ['a hub that is no text', 200, '{"iotHubHostName":7}', 'named no hub (iotHubHostName)'],
    [
      'a hub by a name that is too long',
      200,
      `{"iotHubHostName":"${'h'.repeat(254)}"}`,
      `named '${'h'.repeat(100)}', which is no hub's name`,
    ],
    ['a hub that is no name', 200, '{"iotHubHostName":"a b"}', "named 'a b', which is no hub's name"],
    [
      'a payload that is no object',
      200,
      '{"iotHubHostName":"a","payload":[1]}',
      'answered with payload that is no JSON object',
    ],
    [
      'a twin that is no object',
      200,
      '{"iotHubHostName":"a","initialTwin":"x"}',
      'answered with initialTwin that is no JSON object',
    ],
    [
      'too deep',
      200,
      `{"iotHubHostName":"a","payload":${nested(33)}}`,
      'answered with payload nested deeper than 32 levels',
    ],
    [
      'very deep',
      200,
      `{"iotHubHostName":"a","payload":${nested(10_000)}}`,
      'answered with payload nested deeper than 32 levels',
    ],
    [
      'a large twin',
      200,
      `{"iotHubHostName":"a","initialTwin":{"x":"${'y'.repeat(41_000)}"}}`,
      'answered with an initialTwin of more than 40960 bytes',
    ],
    [
      'large once it is written again',
      200,
      `{"iotHubHostName":"a","payload":{"x":[${'1E20,'.repeat(10_000)}1]}}`,
      `answered more than ${webhookAnswerBytesMax} bytes`,
    ],
  ])('that is %s is of no use', (_, status, text, fault) => {
    expect(readWebhookAnswer(status, text)).toEqual({ fault });
  });

  it('may be as large as a twin, and all of it, may be', () => {
    const [initialTwin, payload] = [{ x: 'y'.repeat(40 * 1024 - 8) }, { x: '' }];
    const said = (text: string) =>
      readWebhookAnswer(200, JSON.stringify({ iotHubHostName: 'a', initialTwin, payload: { x: text } }));
    const rest = webhookAnswerBytesMax - JSON.stringify({ hub: 'a', initialTwin, payload }).length;
    expect(said('y'.repeat(rest))).toEqual({ hub: 'a', initialTwin, payload: { x: 'y'.repeat(rest) } });
    expect(said('y'.repeat(rest + 1))).toEqual({ fault: `answered more than ${webhookAnswerBytesMax} bytes` });
  });

  it('is the same again after it was stored, whatever it was', () => {
    const anyAnswer = fc.record({
      iotHubHostName: fc.constantFrom('a', ''),
      payload: fc.jsonValue(),
      initialTwin: fc.jsonValue(),
    });
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          anyAnswer.map((it) => JSON.stringify(it)),
        ),
        fc.integer({ min: 100, max: 599 }),
        (text, status) => {
          const answer = readWebhookAnswer(status, text);
          const stored = JSON.stringify(answer);
          expect(JSON.stringify(JSON.parse(stored) as WebhookAnswer)).toBe(stored);
          expect(Buffer.byteLength(stored)).toBeLessThan(webhookAnswerBytesMax + 1000);
        },
      ),
    );
  });
});
