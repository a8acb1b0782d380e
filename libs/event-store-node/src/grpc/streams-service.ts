import type { Server, ServiceDefinition, UntypedServiceImplementation } from '@grpc/grpc-js';
import { StreamsService } from '@eventstore/db-client/generated/streams_grpc_pb.js';
import type { EventLog } from '../log/event-log.js';
import { decodeBatchAppendRequest } from '../wire/batch-append-request.js';
import { serveAppend } from './append-call.js';
import { BatchAppendSession, type AppendLimits, type BatchAppendCall } from './batch-append-call.js';
import { serveDelete, serveTombstone } from './delete-calls.js';
import { serveRead } from './read-call.js';
import type { OpenCalls } from './open-calls.js';

const asIs = (bytes: Buffer): Buffer => bytes;

/** The published definition, with our codec for the messages that carry events. */
const definition: ServiceDefinition = {
  ...StreamsService,
  read: { ...StreamsService.read, responseSerialize: asIs },
  batchAppend: { ...StreamsService.batchAppend, requestDeserialize: decodeBatchAppendRequest, responseSerialize: asIs },
};

export interface StreamsServiceState {
  readonly log: EventLog;
  readonly limits: AppendLimits;
  readonly openCalls: OpenCalls;
}

export function addStreamsService(server: Server, { log, limits, openCalls }: StreamsServiceState): void {
  const handlers = {
    read: (call) => void serveRead(call, log, openCalls),
    append: (call, callback) => serveAppend(call, callback, log, limits),
    delete: (call, callback) => serveDelete(call, callback, log),
    tombstone: (call, callback) => serveTombstone(call, callback, log),
    batchAppend: (call) => void new BatchAppendSession(call, log, limits, openCalls),
  } satisfies StreamsHandlers;
  server.addService(definition, handlers as unknown as UntypedServiceImplementation);
}

interface StreamsHandlers {
  read(call: Parameters<typeof serveRead>[0]): void;
  append(call: Parameters<typeof serveAppend>[0], callback: Parameters<typeof serveAppend>[1]): void;
  delete(call: Parameters<typeof serveDelete>[0], callback: Parameters<typeof serveDelete>[1]): void;
  tombstone(call: Parameters<typeof serveTombstone>[0], callback: Parameters<typeof serveTombstone>[1]): void;
  batchAppend(call: BatchAppendCall): void;
}
