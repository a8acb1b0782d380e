import type { sendUnaryData, ServerUnaryCall } from '@grpc/grpc-js';
import type { DeleteReq, DeleteResp, TombstoneReq, TombstoneResp } from '@eventstore/db-client/generated/streams_pb.js';
import sharedPb from '@eventstore/db-client/generated/shared_pb.js';
import streamsPb from '@eventstore/db-client/generated/streams_pb.js';
import type { EventLog } from '../log/event-log.js';
import type { DeleteRequest } from '../log/event-writer.js';
import { faultOfStreamName, isMetastream } from '../log/stream-names.js';
import { expectedRevisionOf, streamNameOf } from './expected-revision.js';
import { faulted, invalidArgument, refused, type CallError } from './statuses.js';

export function serveDelete(
  call: ServerUnaryCall<DeleteReq, DeleteResp>,
  callback: sendUnaryData<DeleteResp>,
  log: EventLog,
): void {
  remove(call.request.getOptions(), log.delete.bind(log), callback, (at) => {
    const response = new streamsPb.DeleteResp();
    if (at === undefined) response.setNoPosition(new sharedPb.Empty());
    else response.setPosition(place(new streamsPb.DeleteResp.Position(), at));
    return response;
  });
}

export function serveTombstone(
  call: ServerUnaryCall<TombstoneReq, TombstoneResp>,
  callback: sendUnaryData<TombstoneResp>,
  log: EventLog,
): void {
  remove(call.request.getOptions(), log.tombstone.bind(log), callback, (at) => {
    const response = new streamsPb.TombstoneResp();
    if (at === undefined) response.setNoPosition(new sharedPb.Empty());
    else response.setPosition(place(new streamsPb.TombstoneResp.Position(), at));
    return response;
  });
}

type Options = DeleteReq.Options | TombstoneReq.Options;

function remove<Response>(
  options: Options | undefined,
  removal: EventLog['delete'],
  callback: sendUnaryData<Response>,
  respond: (position: number | undefined) => Response,
): void {
  const request = requestOf(options);
  if ('code' in request) {
    callback(request);
    return;
  }
  removal(request, (settled) => {
    if (!settled.ok) callback(faulted(settled.error));
    else if (settled.value.kind !== 'written') callback(refused(settled.value, request.stream, request.expected));
    else callback(null, respond(settled.value.position));
  });
}

function requestOf(options: Options | undefined): DeleteRequest | CallError {
  if (!options) return invalidArgument('The request carries no options.');
  const stream = streamNameOf(options.getStreamIdentifier());
  const fault = faultOfStreamName(stream);
  if (fault !== undefined) return invalidArgument(fault);
  if (isMetastream(stream))
    return invalidArgument('A metadata stream goes with its stream and is not deleted by itself.');
  return { stream, expected: expectedRevisionOf(options) };
}

interface Position {
  setCommitPosition(value: string): unknown;
  setPreparePosition(value: string): unknown;
}

function place<P extends Position>(position: P, at: number): P {
  position.setCommitPosition(String(at));
  position.setPreparePosition(String(at));
  return position;
}
