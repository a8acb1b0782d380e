export { type EmbeddedLogOptions, openEmbeddedLog } from './embedded/embedded-log.js';
export { shareOut } from './consuming/share-out.js';
export { connectKafkaLog, type KafkaLogOptions } from './kafka/kafka-log.js';
export { isRetriable, LogFault, type LogFaultCode } from './log-fault.js';
export { murmur2, partitionOf } from './partitioner.js';
export {
  type Batch,
  type BatchConsumer,
  type ConsumeOptions,
  type Consumption,
  type LogRecord,
  type LogWarning,
  type Receipt,
  type ReceivedRecord,
  RegistrationLog,
} from './registration-log.js';
export { isTopicName, recordBytesMax, topics } from './topics.js';
export {
  type Assignment,
  assignmentRecord,
  parseAssignment,
  registrationCompletedType,
} from './messages/assignment.js';
export { cloudEventType, eventBytesMax } from './messages/cloud-event.js';
export {
  type DeviceMessage,
  type GatewayMessage,
  parseDeviceMessage,
  parseGatewayMessage,
} from './messages/device-message.js';
export { latencyRecord, type LatencyReport, latencyReportedType } from './messages/latency-report.js';
export { fromHttp } from './messages/http-event.js';
export type { Refusal } from './messages/refusal.js';
export {
  type JsonValue,
  parseRegistrationRequest,
  payloadBytesMax,
  payloadDepthMax,
  registrationRecord,
  registrationRequestedType,
  type RegistrationRequest,
} from './messages/registration-request.js';
export { type RegistrationRelease, releaseRecord, releaseRequestedType } from './messages/registration-release.js';
export { publishRejected, rejectedRecord } from './messages/rejected.js';
