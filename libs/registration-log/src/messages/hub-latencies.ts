import { type HubLatency } from '@berth/domain';

/** Takes over the known fields only, by hub name, into an object without prototype; the schema has vouched for their types. */
export function latenciesOf(measured: Record<string, HubLatency>): Record<string, HubLatency> {
  const latencies = Object.create(null) as Record<string, HubLatency>;
  for (const hub of Object.keys(measured)) {
    const { ms, samples, ageMs } = measured[hub]!;
    const latency: HubLatency = { ms };
    if (samples !== undefined) latency.samples = samples;
    if (ageMs !== undefined) latency.ageMs = ageMs;
    latencies[hub] = latency;
  }
  return latencies;
}
