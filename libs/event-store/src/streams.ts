import { hubKey, regionKey, registrationKey } from '@berth/domain';
import { createHash } from 'node:crypto';

/** Names of the streams, and the prefixes by which subscriptions find them (ids in lower case). */
export const streams = {
  hub: (name: string) => `hub-${hubKey(name)}`,
  enrollment: (registrationId: string) => `enrollment-${registrationKey(registrationId)}`,
  enrollmentGroup: (name: string) => `enrollmentGroup-${registrationKey(name)}`,
  caCertificate: (name: string) => `caCertificate-${registrationKey(name)}`,
  /** @param thumbprint SHA-256 in lower-case hex. */
  certificate: (thumbprint: string) => `certificate-${thumbprint}`,
  policy: 'policy-default',
  /** A gateway may call itself anything, so its stream is named by a hash (SHA-256, hex) of that. */
  gatewayLatencies: (source: string) => `gatewayLatencies-${createHash('sha256').update(source).digest('hex')}`,
  regionLatencies: (region: string) => `regionLatencies-${regionKey(region)}`,
  dataKey: (keyId: string) => `dataKey-${keyId}`,
  ledger: (partition: number) => `ledger-${partition}`,
  capacity: (hub: string) => `capacity-${hubKey(hub)}`,
  loads: (partition: number) => `loads-${partition}`,
  import: (name: string) => `import-${registrationKey(name)}`,
  masterKey: 'masterKey-default',
  deployment: 'deployment-default',
} as const;

/** Of data keys' streams. */
export const dataKeyPrefix = 'dataKey-';

/** Everything that decisions are made with. */
export const configurationPrefixes: readonly string[] = [
  'hub-',
  'enrollment-',
  'enrollmentGroup-',
  'caCertificate-',
  'certificate-',
  'policy-',
  dataKeyPrefix,
  'gatewayLatencies-',
  'regionLatencies-',
];
/** Everything that read models are made of. */
export const projectedPrefixes: readonly string[] = [
  'hub-',
  'enrollment-',
  'enrollmentGroup-',
  'caCertificate-',
  'policy-',
  'regionLatencies-',
  'ledger-',
  'import-',
];
/** What allocators tell each other. */
export const sharedPrefixes: readonly string[] = ['capacity-', 'loads-'];
