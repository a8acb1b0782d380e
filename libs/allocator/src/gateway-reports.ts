import { type GatewayLatencies, type GatewayLatenciesReported, type GatewayTable, noteLatencies } from '@berth/domain';
import { type EventStreams, noStream, RevisionConflict, streams } from '@berth/event-store';

/** Tries to record a report while another allocator, which doesn't know yet that it lost the partition, does so too. */
const triesMax = 5;
/** Reports recorded at the same time. */
const atOnce = 8;

export interface GatewayReportsOptions {
  store: EventStreams;
  /** The newest ones recorded of gateways of the same partition, since it was claimed; grows. */
  known: GatewayTable;
  /** Names this process in its events. */
  name: string;
  now(): number;
}

/**
 * Makes what gateways reported in one batch known to every allocator, as a part of the configuration: of each gateway the last one,
 * and only if it says something new. A batch that comes again changes nothing.
 * @returns position of the last event recorded; null when there was nothing to record.
 * @throws StoreUnavailable (retriable).
 */
export async function recordReports(
  reports: readonly GatewayLatencies[],
  options: GatewayReportsOptions,
): Promise<bigint | null> {
  const latest = new Map(reports.map((report) => [report.source, report])).values();
  let last: bigint | null = null;
  const worker = async () => {
    for (const report of latest) {
      const position = await recordReport(report, options);
      if (position !== null && (last === null || position > last)) last = position;
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  return last;
}

async function recordReport(report: GatewayLatencies, options: GatewayReportsOptions): Promise<bigint | null> {
  const { store, known, name, now } = options;
  // Mostly nothing is new.
  const before = known.get(report.source);
  if (before && !noteLatencies(report, before)) return null;
  // Until an append has come through it is not known what is recorded.
  known.forget(report.source);
  const stream = streams.gatewayLatencies(report.source);
  const at = new Date(now()).toISOString();
  const metadata = { correlationId: `${name}/gateway-latencies/${report.offset}`, actor: name, at };
  for (let attempt = 1; ; attempt += 1) {
    const { latest, revision } = await newest(store, stream);
    const event = noteLatencies(report, latest);
    if (!event) {
      if (latest) known.set(latest);
      return null;
    }
    // Before the first one, or a crash between the two would leave a stream that grows for ever.
    if (revision === noStream) await store.keepNewest(stream, 1);
    try {
      const { position } = await store.append(stream, [event], revision, metadata);
      known.set(event.data);
      return position;
    } catch (error) {
      if (!(error instanceof RevisionConflict) || attempt >= triesMax) throw error;
    }
  }
}

async function newest(
  store: EventStreams,
  stream: string,
): Promise<{ latest: GatewayLatencies | null; revision: number }> {
  const events = store.read<GatewayLatenciesReported>(stream, { backwards: true, maxCount: 1 });
  for await (const { event, revision } of events) return { latest: event.data, revision };
  return { latest: null, revision: noStream };
}
