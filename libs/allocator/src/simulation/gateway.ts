import {
  latencyRecord,
  LogFault,
  type LogRecord,
  registrationRecord,
  releaseRecord,
  topics,
} from '@berth/registration-log';
import { type Random } from './random.js';
import { SimulatedProcess } from './scheduler.js';
import { SimulatedLog } from './simulated-log.js';
import { type World } from './world.js';

export const trustedSource = '/gateways/one';
const sources = [trustedSource, trustedSource, '/gateways/two'] as const;
const publishTriesMax = 3;
/** Longest id of a CloudEvent that the schema takes. */
const requestIdLengthMax = 256;

/** Publishes registration events and reports, and releases as an operator's tool would; some twice, some forged, some rubbish. */
export class Gateway {
  private readonly process = new SimulatedProcess('gateway');
  private readonly log: SimulatedLog;
  private readonly published: LogRecord[] = [];
  /** Messages that nobody can read, as `recordText` writes them. */
  readonly bad = new Set<string>();
  private wishes = 0;
  private reports = 0;

  constructor(private readonly world: World) {
    this.log = new SimulatedLog(world.broker, this.process);
  }

  /** Something arrives at the door. */
  async receive(): Promise<void> {
    const { random, plan, broker } = this.world;
    if (random.chance(plan.bad)) {
      const record = rubbish(random, this.registration());
      this.bad.add(recordText(record));
      return this.publish([record]);
    }
    if (random.chance(plan.bad / 4)) {
      // A producer with another partitioner.
      const { partitions } = broker.topic(topics.registrations);
      const partition = random.whole(0, partitions.length - 1);
      broker.publish(this.process, topics.registrations, [{ partition, record: this.wish() }]);
      return;
    }
    const again = random.chance(0.15) && this.published.length > 0 ? random.pick(this.published) : null;
    const wishes = again ? [again] : Array.from({ length: random.whole(1, 3) }, () => this.wish());
    await this.publish(wishes);
  }

  /** What is known of hubs' latencies, at times together with a wish that may go by it. */
  async report(): Promise<void> {
    const { random, plan, operator, terrain } = this.world;
    const source = random.pick(sources);
    const reportId = `report-${(this.reports += 1)}`;
    const hubLatencies = terrain.measured(operator.hubNames);
    const good = latencyRecord({ reportId, source, hubLatencies }, '2026-01-01T00:00:00Z');
    if (random.chance(plan.bad / 4)) {
      const record = { ...good, key: `${source}/other` };
      this.bad.add(recordText(record));
      return this.publish([record]);
    }
    await this.publish(random.chance(0.5) ? [good, this.wish()] : [good]);
  }

  /** More at once than a page holds. */
  async burst(): Promise<void> {
    await this.publish(Array.from({ length: 400 }, () => this.wish()));
  }

  /** What was not taken for certain is sent again, like any careful producer does. */
  private async publish(records: readonly LogRecord[]): Promise<void> {
    this.published.push(...records);
    for (let attempt = 0; attempt < publishTriesMax; attempt += 1) {
      try {
        await this.log.publish(topics.registrations, records);
        return;
      } catch (error) {
        if (!(error instanceof LogFault && error.retriable)) throw error;
      }
    }
  }

  private wish(): LogRecord {
    const { random, plan } = this.world;
    return random.chance(plan.releases) ? this.release() : this.registration();
  }

  private release(): LogRecord {
    const { random, plan } = this.world;
    const registrationId = deviceId(random.whole(1, plan.devices + 1), plan.isLongWinded);
    const requestId = `release-${(this.wishes += 1)}`;
    return releaseRecord({ registrationId, requestId, actor: 'operator' }, '2026-01-01T00:00:00Z');
  }

  private registration(): LogRecord {
    const { random, plan, operator, terrain } = this.world;
    const region = terrain.region();
    const id = deviceId(random.whole(1, plan.devices + 1), plan.isLongWinded);
    const number = `wish-${(this.wishes += 1)}`;
    const wish = {
      registrationId: random.chance(0.1) ? id.toUpperCase() : id,
      requestId: plan.isLongWinded ? number.padEnd(requestIdLengthMax, '.') : number,
      source: random.chance(0.1) ? '/gateways/forged' : trustedSource,
      attestation: { type: 'gateway' } as const,
      ...(random.chance(0.3) && { hubLatencies: operator.latencies() }),
      ...(region !== undefined && { region }),
    };
    const seen = random.chance(0.5) ? operator.newest : null;
    return registrationRecord({ ...wish, ...(seen !== null && { minPosition: String(seen) }) }, '2026-01-01T00:00:00Z');
  }
}

export function deviceId(number: number, isLong: boolean): string {
  const id = `press-${number}`;
  return isLong ? id.padEnd(120, '-x') : id;
}

/** The same text for the same key and bytes. */
export function recordText({ key, value }: LogRecord): string {
  return `${key}\n${value.toString('latin1')}`;
}

function rubbish(random: Random, good: LogRecord): LogRecord {
  const text = good.value.toString();
  const changed = (from: string, to: string) => ({ ...good, value: Buffer.from(text.replace(from, to)) });
  return random.pick<LogRecord>([
    { ...good, value: Buffer.from([0xff, random.whole(0, 255), 0x7b, random.whole(0, 255)]) },
    { ...good, value: Buffer.alloc(0) },
    { ...good, value: Buffer.from(text.slice(0, random.whole(1, text.length - 1))) },
    { ...good, key: `${good.key}-other` },
    { ...good, key: null },
    { ...good, headers: {} },
    changed('registration.requested.v1', 'registration.requested.v9'),
    changed('"registrationId"', '"registrationid"'),
    changed('"type":"gateway"', '"type":"word of honour"'),
  ]);
}
