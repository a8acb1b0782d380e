import { type AllocationPolicy, type BerthClient, type Enrollment, type Hub } from './berth-client.js';
import { defaultSource, type Device, registrationEvent } from './device.js';

/** One line of a seed: a JSON object with one of these keys. */
export type SeedStep =
  | { hub: Hub }
  | { policy: AllocationPolicy }
  | { enrollment: Enrollment }
  /** Published only: waiting for the assignment is up to the test. */
  | { registration: Device };

const kinds = ['hub', 'policy', 'enrollment', 'registration'];

/** Newline-delimited JSON, a step a line; empty lines are passed over. @throws Error naming the first bad line. */
export function parseSeed(ndjson: string): SeedStep[] {
  return ndjson.split('\n').flatMap((line, index) => {
    if (line.trim() === '') return [];
    const step = parseLine(line, index + 1);
    const [kind, ...others] = Object.keys(step);
    if (kind === undefined || others.length > 0 || !kinds.includes(kind)) {
      throw new Error(`Line ${index + 1} of the seed must be an object with one of the keys ${kinds.join(', ')}`);
    }
    return [step as SeedStep];
  });
}

function parseLine(line: string, number: number): object {
  try {
    const parsed: unknown = JSON.parse(line);
    if (typeof parsed === 'object' && parsed !== null) return parsed;
  } catch {
    // said below, as for JSON that is no object
  }
  throw new Error(`Line ${number} of the seed is not a JSON object`);
}

/** Step by step, in order. @throws BerthRefused */
export async function applySeed(client: BerthClient, steps: readonly SeedStep[]): Promise<void> {
  for (const step of steps) {
    if ('hub' in step) await client.linkHub(step.hub);
    else if ('policy' in step) await client.setAllocationPolicy(step.policy);
    else if ('enrollment' in step) await client.enroll(step.enrollment);
    else await client.publish([registrationEvent(step.registration, await client.idScope())]);
  }
}

/** A bare name is a hub of weight 1 without a capacity. */
export function hubOf(hub: Hub | string): Hub {
  return typeof hub === 'string' ? { name: hub } : hub;
}

/** A bare id is an enrollment whose device the test's edge gateway vouches for. */
export function enrollmentOf(enrollment: Enrollment | string): Enrollment {
  return typeof enrollment === 'string'
    ? { registrationId: enrollment, attestation: { gateway: { sources: [defaultSource] } } }
    : enrollment;
}
