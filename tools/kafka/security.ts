import { type Certificates } from './certificates.ts';

/** A user that the secured listeners know, by every mechanism they offer. */
export const testUser = { username: 'berth', password: 'not-a-secret' };

export interface SecuredPorts {
  /** SASL over TLS. */
  sasl: number;
  /** TLS that wants the client's certificate. */
  mutual: number;
}

export interface SecuredListeners {
  /** To be listed in `listeners` and `advertised.listeners`. */
  listeners: readonly string[];
  protocols: readonly string[];
  properties: string;
  /** Arguments of `kafka-storage format`: SCRAM users are part of the metadata. */
  formatting: readonly string[];
}

/** What a broker's configuration has to say for two listeners more, one with SASL over TLS and one with TLS on both sides. */
export function securedListeners(
  host: string,
  ports: SecuredPorts,
  { ca, brokerStore }: Certificates,
): SecuredListeners {
  const { username, password } = testUser;
  const loginModule = 'org.apache.kafka.common.security';
  const scram = `${loginModule}.scram.ScramLoginModule required;`;
  const plain = `${loginModule}.plain.PlainLoginModule required user_${username}="${password}";`;
  return {
    listeners: [`SASL_SSL://${host}:${ports.sasl}`, `SSL://${host}:${ports.mutual}`],
    protocols: ['SASL_SSL:SASL_SSL', 'SSL:SSL'],
    properties: `
ssl.keystore.type=PEM
ssl.keystore.location=${brokerStore}
ssl.truststore.type=PEM
ssl.truststore.location=${ca}
listener.name.ssl.ssl.client.auth=required
sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512
listener.name.sasl_ssl.plain.sasl.jaas.config=${plain}
listener.name.sasl_ssl.scram-sha-256.sasl.jaas.config=${scram}
listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config=${scram}
`,
    formatting: ['SCRAM-SHA-256', 'SCRAM-SHA-512'].flatMap((mechanism) => {
      return ['--add-scram', `${mechanism}=[name=${username},password=${password}]`];
    }),
  };
}
