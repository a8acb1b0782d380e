import {
  assignmentRecord,
  type Batch,
  type BatchConsumer,
  type LogRecord,
  parseDeviceMessage,
  type ReceivedRecord,
  type RegistrationLog,
  topics,
} from '@berth/registration-log';
import { createHmac, timingSafeEqual } from 'node:crypto';
import pg from 'pg';
import { idOf, keyOf } from './devices.ts';

const hubs = 10;
const connections = 16;

/**
 * The same job as a service without events would do it: checks the token, takes the next hub, and upserts the device's row in a
 * transaction of its own on PostgreSQL, as durable as it comes; answers and commits by batch like the allocator. Its enrollments
 * are in memory, like the allocator's, and it checks less.
 */
export class UpsertPeer implements BatchConsumer {
  private readonly log: RegistrationLog;
  private readonly pool: pg.Pool;
  private readonly keys: ReadonlyMap<string, Buffer>;
  private nextHub = 0;

  private constructor(log: RegistrationLog, pool: pg.Pool, keys: ReadonlyMap<string, Buffer>) {
    this.log = log;
    this.pool = pool;
    this.keys = keys;
  }

  static async open(options: { databaseUrl?: string; devices?: number }, log: RegistrationLog): Promise<UpsertPeer> {
    const keys = new Map<string, Buffer>();
    for (let device = 0; device < options.devices!; device += 1) keys.set(idOf(device), keyOf(device, 'primary'));
    const pool = new pg.Pool({ connectionString: options.databaseUrl, max: connections });
    await pool.query(
      `CREATE TABLE device (registration_id text PRIMARY KEY, hub text NOT NULL, device_id text NOT NULL,
         request_id text NOT NULL, updated_at timestamptz NOT NULL)`,
    );
    return new UpsertPeer(log, pool, keys);
  }

  assigned(): void {}
  revoked(): void {}

  async batch(batch: Batch): Promise<void> {
    const answers: LogRecord[] = [];
    const queue = batch.records.entries();
    const worker = async () => {
      for (const [index, record] of queue) answers[index] = await this.register(record, batch);
    };
    await Promise.all(Array.from({ length: connections }, worker));
    await this.log.publish(topics.assignments, answers);
    await batch.commit();
  }

  private async register(record: ReceivedRecord, { topic, partition }: Batch): Promise<LogRecord> {
    const parsed = parseDeviceMessage(record);
    if (!parsed.ok || !('request' in parsed)) throw new Error('No registration');
    const { registrationId, requestId, attestation } = parsed.request;
    if (attestation.type !== 'symmetricKey' || !this.isGenuine(registrationId, attestation.token))
      throw new Error('Forged');
    const hub = `hub-${(this.nextHub = (this.nextHub + 1) % hubs)}`;
    const client = await this.pool.connect();
    try {
      await client.query('BEGIN');
      const { rows } = await client.query<{ hub: string }>({
        ...upsert,
        values: [registrationId, hub, registrationId, requestId],
      });
      await client.query('COMMIT');
      const answer = {
        registrationId,
        requestId,
        status: 'assigned' as const,
        hub: rows[0]!.hub,
        deviceId: registrationId,
        substatus: 'initialAssignment',
        position: '0',
      };
      return assignmentRecord(answer, new Date().toISOString(), { topic, partition, offset: record.offset });
    } finally {
      client.release();
    }
  }

  private isGenuine(registrationId: string, token: string): boolean {
    const fields = new URLSearchParams(token.slice('SharedAccessSignature '.length));
    const key = this.keys.get(registrationId);
    if (!key) return false;
    const expected = createHmac('sha256', key)
      .update(`${fields.get('sr')}\n${fields.get('se')}`)
      .digest();
    return timingSafeEqual(expected, Buffer.from(fields.get('sig')!, 'base64'));
  }
}

/** A device that has a hub keeps it. */
const upsert = {
  name: 'upsert',
  text: `INSERT INTO device VALUES ($1, $2, $3, $4, now())
         ON CONFLICT (registration_id) DO UPDATE SET request_id = excluded.request_id, updated_at = now() RETURNING hub`,
};
