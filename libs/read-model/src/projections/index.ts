import { caCertificates } from './ca-certificates.js';
import { enrollmentGroups } from './enrollment-groups.js';
import { enrollments } from './enrollments.js';
import { hubLoads } from './hub-loads.js';
import { hubs } from './hubs.js';
import { operations } from './operations.js';
import { policy } from './policy.js';
import { type Projection } from './projection.js';
import { regions } from './regions.js';
import { registrations } from './registrations.js';

/** Everything that is projected. */
export const projections: readonly Projection[] = [
  hubs,
  policy,
  enrollments,
  enrollmentGroups,
  caCertificates,
  regions,
  operations,
  registrations,
  hubLoads,
];
