import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type AllocationRequest, type CustomAllocation, webhookAnswerBytesMax } from '@berth/domain';
import { eventually } from '@berth/testing';
import { randomBytes } from 'node:crypto';
import { createServer, type Server } from 'node:net';
import { Webhook } from 'standardwebhooks';
import { HttpWebhooks, type HttpWebhooksOptions } from './http-webhooks.js';
import { Receiver } from './under-test/receiver.js';

const secret = randomBytes(32);
const request: AllocationRequest = { deviceRuntimeContext: { registrationId: 'press-01' }, linkedHubs: ['hub-ä'] };
const goodAnswer = { iotHubHostName: 'hub-a', payload: { n: 1 } };

let receiver: Receiver;

beforeEach(async () => {
  receiver = await Receiver.start();
});
afterEach(() => receiver.stop());

function webhooks(change: Partial<HttpWebhooksOptions> = {}): HttpWebhooks {
  return new HttpWebhooks({ hosts: new Set([receiver.host]), secrets: [secret], now: () => Date.now(), ...change });
}

function ask(
  asked: HttpWebhooks,
  custom: Partial<CustomAllocation> = {},
  signal: AbortSignal = new AbortController().signal,
) {
  const whole = { webhookUrl: receiver.url, apiVersion: '2021-10-01', fallback: null, deadlineMs: 2000, ...custom };
  return asked.ask({ custom: whole, id: 'berth.registrations/3/1042', request }, signal);
}

describe('a webhook over HTTP', () => {
  it('is asked by a POST, and answers', async () => {
    receiver.say(goodAnswer);
    expect(await ask(webhooks())).toEqual({ hub: 'hub-a', payload: { n: 1 } });
    expect(receiver.received.map((it) => it.request)).toEqual([request]);
    expect(receiver.received[0]?.headers).toMatchObject({ 'content-type': 'application/json; charset=utf-8' });
  });

  it('can tell that it is Berth who asks, by a library of the standard, also while the secret is replaced', async () => {
    receiver.say(goodAnswer);
    const former = randomBytes(24);
    await ask(webhooks({ secrets: [secret, former] }));
    const [{ headers, body }] = receiver.received as [(typeof receiver.received)[number]];
    const given = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)]));
    expect(given['webhook-id']).toBe('berth.registrations/3/1042');
    for (const known of [secret, former]) {
      const verifier = new Webhook(known.toString('base64'));
      expect(verifier.verify(body, given)).toEqual(request);
      expect(() => verifier.verify(body.replace('press-01', 'press-02'), given)).toThrow();
    }
    expect(() => new Webhook(randomBytes(32).toString('base64')).verify(body, given)).toThrow();
  });

  it.each([
    ['another status', () => receiver.say('{}', 418), 'answered 418'],
    ['garbage', () => receiver.say('<html>'), 'answered what is no JSON object'],
    ['no hub', () => receiver.say({}), 'named no hub (iotHubHostName)'],
  ])('that answers with %s is of no use', async (_, answer, fault) => {
    answer();
    expect(await ask(webhooks())).toEqual({ fault });
    expect(receiver.received).toHaveLength(1);
  });

  it.each([302, 307])('that redirects by %d is not followed', async (status) => {
    const elsewhere = await Receiver.start();
    elsewhere.say(goodAnswer);
    receiver.answer = (_received, response) => response.writeHead(status, { location: elsewhere.url }).end();
    expect(await ask(webhooks())).toEqual({ fault: `answered ${status}` });
    expect(elsewhere.received).toEqual([]);
    await elsewhere.stop();
  });

  it('is not read beyond what may be recorded', async () => {
    let written = 0;
    receiver.answer = (_received, response) => {
      const pour = () => {
        while (!response.destroyed && response.write(Buffer.alloc(64 * 1024, ' '))) written += 64 * 1024;
      };
      response.on('drain', pour);
      pour();
    };
    expect(await ask(webhooks())).toEqual({ fault: `answered more than ${webhookAnswerBytesMax} bytes` });
    await eventually('the connection to be let go', () => receiver.givenUp === 1);
    expect(written).toBeLessThan(64 * 1024 * 1024);
  });

  it('that takes too long is given up at its deadline, whether it is silent or never comes to an end', async () => {
    receiver.keepSilent();
    expect(await ask(webhooks(), { deadlineMs: 100 })).toEqual({ fault: 'gave no answer within 100 ms' });
    receiver.answer = (_received, response) => void response.write('{"iotHub');
    expect(await ask(webhooks(), { deadlineMs: 100 })).toEqual({ fault: 'gave no answer within 100 ms' });
    await eventually('both to be let go', () => receiver.givenUp === 2);
  });

  it('that breaks the connection, or takes none, can not be reached', async () => {
    receiver.answer = (_received, response) => void response.socket?.destroy();
    expect(await ask(webhooks())).toEqual({ fault: expect.stringMatching(/^could not be reached \(\w+\)$/) });
    await receiver.stop();
    expect(await ask(webhooks())).toEqual({ fault: 'could not be reached (ECONNREFUSED)' });
  });

  it('that speaks no HTTP can not be reached', async () => {
    const rude: Server = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.end('go away\r\n\r\n', () => socket.destroy());
    });
    await new Promise<void>((resolve) => rude.listen(0, '127.0.0.1', resolve));
    const address = rude.address();
    const host = `127.0.0.1:${typeof address === 'object' && address ? address.port : 0}`;
    const asked = webhooks({ hosts: new Set([host]) });
    expect(await ask(asked, { webhookUrl: `http://${host}/` })).toEqual({
      fault: expect.stringMatching(/^could not be reached/),
    });
    await new Promise((resolve) => rude.close(resolve));
  });

  it('is not asked on a host that is not allowed', async () => {
    const fault = `was not asked: BERTH_WEBHOOK_HOSTS does not name ${receiver.host}`;
    expect(await ask(webhooks({ hosts: new Set(['127.0.0.1']) }))).toEqual({ fault });
    expect(await ask(webhooks(), { webhookUrl: '' })).toEqual({ fault: 'has no usable URL' });
    expect(receiver.received).toEqual([]);
  });

  it('is given up when the partition is, and that is no fault of its host', async () => {
    receiver.keepSilent();
    const asked = webhooks({ breaker: { failures: 1, openMs: 60_000 } });
    const lost = new AbortController();
    const answer = ask(asked, {}, lost.signal);
    await eventually('the call', () => receiver.received.length === 1);
    lost.abort(new Error('taken away'));
    await answer;
    await eventually('the call to be let go', () => receiver.givenUp === 1);
    receiver.say(goodAnswer);
    expect(await ask(asked)).toMatchObject({ hub: 'hub-a' });
  });
});

describe('the breaker of a host', () => {
  const breaker = { failures: 3, openMs: 500 };
  const refused = { fault: 'was not asked: its host has failed too often' };

  it('opens after failures in a row, and lets one call through when it is half open', async () => {
    const asked = webhooks({ breaker });
    receiver.say('', 503);
    for (let time = 0; time < 3; time += 1) expect(await ask(asked)).toEqual({ fault: 'answered 503' });
    expect(await ask(asked)).toEqual(refused);
    expect(receiver.received).toHaveLength(3);

    // Half open, and still failing: one call, and it opens again.
    const failed = await eventually('the next call', async () => {
      const answer = await ask(asked);
      return 'fault' in answer && answer.fault === refused.fault ? null : answer;
    });
    expect([failed, await ask(asked)]).toEqual([{ fault: 'answered 503' }, refused]);
    expect(receiver.received).toHaveLength(4);

    // Half open, and well again: of many that come at once all are answered.
    receiver.say(goodAnswer);
    await eventually('the host to be asked again', async () => 'hub' in (await ask(asked)));
    const answers = await Promise.all(Array.from({ length: 10 }, () => ask(asked)));
    expect(answers.every((answer) => 'hub' in answer)).toBe(true);
  });

  it('counts deadlines and lost connections, not what concerns a single device', async () => {
    const asked = webhooks({ breaker });
    for (const [body, status] of [['{}', 200] as const, ['', 404] as const, ['<html>', 200] as const]) {
      receiver.say(body, status);
      for (let time = 0; time < 4; time += 1) await ask(asked);
    }
    expect(receiver.received).toHaveLength(12);
    receiver.keepSilent();
    for (let time = 0; time < 3; time += 1) await ask(asked, { deadlineMs: 100 });
    expect(await ask(asked)).toEqual(refused);
  });

  it('is one for each host', async () => {
    const other = await Receiver.start();
    const asked = webhooks({ hosts: new Set([receiver.host, other.host]), breaker: { failures: 1, openMs: 60_000 } });
    receiver.say('', 500);
    other.say(goodAnswer);
    await ask(asked);
    expect(await ask(asked)).toEqual(refused);
    expect(await ask(asked, { webhookUrl: other.url })).toMatchObject({ hub: 'hub-a' });
    await other.stop();
  });

  it('leaves no more calls to a host under way than there may be', async () => {
    receiver.keepSilent();
    const asked = webhooks();
    const answers = Array.from({ length: 100 }, () => ask(asked, { deadlineMs: 400 }));
    await eventually('as many as there may be', () => receiver.received.length === 64);
    for (const answer of await Promise.all(answers)) expect(answer).toHaveProperty('fault');
    // Those that took a free place before the breaker opened.
    expect(receiver.received.length).toBeLessThan(64 + 5);
  });
});
