import { Kafka, logLevel, Partitioners, type Producer } from 'kafkajs';
import { type BerthClient } from './berth-client.ts';

/** A device's door as the demo plays it: publishes registration events, and resolves once they are durable. */
export interface EdgeGateway {
  publish(events: readonly RegistrationEvent[]): Promise<void>;
  close(): Promise<void>;
}

export interface RegistrationEvent {
  data: { registrationId: string; [more: string]: unknown };
  [attribute: string]: unknown;
}

/** For gateways without a Kafka client. */
export function httpEdgeGateway(berth: BerthClient): EdgeGateway {
  return { publish: (events) => berth.register(events), close: async () => undefined };
}

const topic = 'berth.registrations';

/** Publishes straight to the topic, keyed as every gateway must: by registration id in lower case. */
export async function kafkaEdgeGateway(brokers: readonly string[]): Promise<EdgeGateway> {
  const kafka = new Kafka({ clientId: 'demo-edge-gateway', brokers: [...brokers], logLevel: logLevel.NOTHING });
  const producer: Producer = kafka.producer({ idempotent: true, createPartitioner: Partitioners.DefaultPartitioner });
  await producer.connect();
  return {
    publish: async (events) => {
      const messages = events.map((event) => ({
        key: event.data.registrationId.toLowerCase(),
        value: JSON.stringify(event),
        headers: { 'content-type': 'application/cloudevents+json' },
      }));
      await producer.send({ topic, acks: -1, messages });
    },
    close: () => producer.disconnect(),
  };
}
