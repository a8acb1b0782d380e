import { status, type Server, type ServiceDefinition } from '@grpc/grpc-js';
import { PersistentSubscriptionsService } from '@eventstore/db-client/generated/persistent_grpc_pb.js';
import { ProjectionsService } from '@eventstore/db-client/generated/projections_grpc_pb.js';
import { callError, type CallError } from './statuses.js';

/** Answers plainly what gRPC would otherwise answer in its own words: that the node doesn't do this and won't. */
export function addRefusedServices(server: Server): void {
  refuse(server, PersistentSubscriptionsService, 'persistent subscriptions: subscribe with a checkpoint of your own');
  refuse(server, ProjectionsService, 'projections: fold the streams where you need them');
}

function refuse(server: Server, service: ServiceDefinition, what: string): void {
  const refusal = callError(status.UNIMPLEMENTED, `This node has no ${what}.`);
  const handlers = Object.entries(service).map(([name, method]) => [
    name,
    method.responseStream ? refuseStreaming(refusal) : refuseUnary(refusal),
  ]);
  server.addService(service, Object.fromEntries(handlers));
}

interface StreamingCall {
  emit(event: 'error', error: CallError): void;
}

function refuseStreaming(refusal: CallError) {
  return (call: StreamingCall): void => call.emit('error', refusal);
}

function refuseUnary(refusal: CallError) {
  return (_call: unknown, callback: (error: CallError) => void): void => callback(refusal);
}
