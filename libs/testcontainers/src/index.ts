export { ApacheKafkaContainer, StartedApacheKafkaContainer } from './apache-kafka-container.js';
export {
  BerthClient,
  BerthRefused,
  type AllocationPolicy,
  type AllocationPolicyKind,
  type Attestation,
  type Enrollment,
  type GeneratedKeys,
  type Hub,
  type HubLoad,
  type Registration,
} from './berth-client.js';
export { BerthContainer } from './berth-container.js';
export { type Device, type HubLatency, type RegistrationEvent } from './device.js';
export { type Assignment, StartedBerthContainer } from './started-berth-container.js';
