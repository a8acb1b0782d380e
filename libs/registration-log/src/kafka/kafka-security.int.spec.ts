import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { readFileSync } from 'node:fs';
// eslint-disable-next-line @nx/enforce-module-boundaries -- a tool of the workspace, which belongs to no project
import { testUser } from '../../../../tools/kafka.js';
import { eventually, RecordingConsumer } from '../registration-log.contract.js';
import type { RegistrationLog } from '../registration-log.js';
import type { KafkaConnectionOptions } from './kafka-client.js';
import { connectKafkaLog } from './kafka-log.js';
import { describeNotRun, startOwnKafka } from './kafka-under-test.js';

const deadlineMs = 60_000;
const kafka = await startOwnKafka({ secured: true });

if ('missing' in kafka) {
  describeNotRun('A Kafka broker with TLS and SASL', kafka.missing, process.env['CI'] === 'true');
} else {
  const { sasl, mutual, certificates } = kafka.secured;
  const ca = readFileSync(certificates.ca, 'utf8');
  const logs: RegistrationLog[] = [];
  afterEach(async () => {
    await Promise.all(logs.splice(0).map((log) => log.close()));
  }, deadlineMs);
  afterAll(() => kafka.remove(), deadlineMs);

  const connect = async (options: KafkaConnectionOptions) => {
    const log = await connectKafkaLog({ ...options, partitions: 4, sessionMs: 3_000, onWarning: () => undefined });
    logs.push(log);
    return log;
  };
  /** Uses all that connects: the producer, a group and the reader each have connections of their own. */
  const goesThrough = async (log: RegistrationLog, group: string) => {
    const [receipt] = await log.publish('berth.registrations', [
      { key: 'press-01', value: Buffer.from(group), headers: {} },
    ]);
    const consumer = new RecordingConsumer();
    await log.consume({ topic: 'berth.registrations', group }, consumer);
    await eventually('the record by the group', () => consumer.texts().includes(group), deadlineMs);
    const [read] = await log.read('berth.registrations', receipt!.partition, receipt!.offset, 1);
    expect(read?.value.toString()).toBe(group);
  };

  describe('a Kafka broker with TLS and SASL', () => {
    it.each(['plain', 'scram-sha-256', 'scram-sha-512'] as const)(
      'takes a user and password by %s',
      async (mechanism) => {
        await goesThrough(await connect({ brokers: sasl, tls: { ca }, sasl: { mechanism, ...testUser } }), mechanism);
      },
      deadlineMs * 2,
    );

    it(
      "takes a client's certificate",
      async () => {
        const tls = {
          ca,
          cert: readFileSync(certificates.clientCertificate, 'utf8'),
          key: readFileSync(certificates.clientKey, 'utf8'),
        };
        await goesThrough(await connect({ brokers: mutual, tls }), 'certificate');
      },
      deadlineMs * 2,
    );

    const user = { mechanism: 'scram-sha-512', ...testUser } as const;
    const refused: [string, KafkaConnectionOptions, RegExp][] = [
      ['a wrong password', { brokers: sasl, tls: { ca }, sasl: { ...user, password: 'guessed' } }, /authentication/i],
      ['an unknown user', { brokers: sasl, tls: { ca }, sasl: { ...user, username: 'nobody' } }, /authentication/i],
      [
        'a wrong password that TLS alone hides',
        { brokers: sasl, tls: { ca }, sasl: { mechanism: 'plain', username: 'berth', password: 'guessed' } },
        /username or password/,
      ],
      ['a broker whose authority is unknown', { brokers: sasl, tls: true, sasl: user }, /UNABLE_TO_VERIFY/],
      [
        'a broker whose certificate names another host',
        { brokers: sasl, tls: { ca, servername: 'kafka.example.test' }, sasl: user },
        /ALTNAME_INVALID/,
      ],
      ['a missing client certificate', { brokers: mutual, tls: { ca } }, /ERR_SSL/],
    ];
    const away: [string, KafkaConnectionOptions][] = [
      ['comes without TLS', { brokers: sasl, sasl: user }],
      ['comes with TLS where there is none', { brokers: kafka.brokers, tls: { ca } }],
    ];
    const faults = new Map<KafkaConnectionOptions, Promise<unknown>>();
    beforeAll(() => {
      // Side by side, for each is tried for some seconds before it is given up.
      for (const [, options] of [...refused, ...away]) {
        const attempt = connect(options).then(
          () => undefined,
          (fault: unknown) => fault,
        );
        faults.set(options, attempt);
      }
    });

    it.each(refused)(
      'is refused at start for %s, and no secret is told',
      async (_, options, said) => {
        const fault = await faults.get(options);
        expect(fault).toMatchObject({ name: 'LogFault', code: 'refused', retriable: false });
        expect(String(fault)).toMatch(said);
        expect(String(fault)).not.toMatch(/guessed|not-a-secret/);
      },
      deadlineMs,
    );

    it.each(away)(
      'is away, with a hint, for a client that %s',
      async (_, options) => {
        const message = expect.stringContaining('do both sides want TLS');
        expect(await faults.get(options)).toMatchObject({ code: 'log-away', message });
      },
      deadlineMs,
    );
  });
}
