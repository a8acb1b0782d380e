import { createHmac, randomUUID } from 'node:crypto';

/** A registration event as an edge gateway without a Kafka client posts it. */
export function registrationEvent(
  registrationId: string,
  attestation: object,
  change: { id?: string; source?: string } = {},
) {
  return {
    specversion: '1.0',
    type: 'io.berth.registration.requested.v1',
    id: randomUUID(),
    source: '/gateways/one',
    datacontenttype: 'application/json',
    data: { registrationId, attestation },
    ...change,
  };
}

/** A device's token, signed with its base64 key; good until 2033. */
export function symmetricKeyProof(idScope: string, registrationId: string, key: string) {
  const resource = `${idScope}/registrations/${registrationId}`;
  const signature = createHmac('sha256', Buffer.from(key, 'base64')).update(`${resource}\n2000000000`).digest('base64');
  const token = `SharedAccessSignature sr=${resource}&sig=${encodeURIComponent(signature)}&skn=registration&se=2000000000`;
  return { type: 'symmetricKey', token };
}
