import type { sendUnaryData, ServerReadableStream } from '@grpc/grpc-js';
import type { AppendReq, AppendResp } from '@eventstore/db-client/generated/streams_pb.js';
import sharedPb from '@eventstore/db-client/generated/shared_pb.js';
import streamsPb from '@eventstore/db-client/generated/streams_pb.js';
import type { EventLog } from '../log/event-log.js';
import type { WriteOutcome } from '../log/event-writer.js';
import { JSON_CONTENT, NO_REVISION, type ExpectedRevision, type ProposedEvent } from '../log/records.js';
import { faultOfStreamName } from '../log/stream-names.js';
import { bytesOfUuid, bytesOfUuidHalves } from '../log/uuid.js';
import { appendSize } from './append-size.js';
import type { AppendLimits } from './batch-append-call.js';
import { expectedRevisionOf, streamNameOf } from './expected-revision.js';
import {
  appendTooLarge,
  faulted,
  invalidArgument,
  missingMetadataProperty,
  refused,
  type CallError,
} from './statuses.js';

/** Serves one classic Append: options first, then one event a message. The client uses it when given per-call credentials. */
export function serveAppend(
  call: ServerReadableStream<AppendReq, AppendResp>,
  callback: sendUnaryData<AppendResp>,
  log: EventLog,
  { appendBytesMax }: AppendLimits,
): void {
  let target: { readonly stream: string; readonly expected: ExpectedRevision } | undefined;
  const events: ProposedEvent[] = [];
  let bytes = 0;
  let answered = false;

  const fail = (error: CallError): void => {
    if (answered) return;
    answered = true;
    events.length = 0;
    callback(error);
  };

  const accept = (request: AppendReq): CallError | undefined => {
    const options = request.getOptions();
    if (options) {
      target = { stream: streamNameOf(options.getStreamIdentifier()), expected: expectedRevisionOf(options) };
      const fault = faultOfStreamName(target.stream);
      return fault === undefined ? undefined : invalidArgument(fault);
    }
    const message = request.getProposedMessage();
    if (!message) return invalidArgument('A message of the append is empty.');
    const event = proposedEventOf(message);
    if ('code' in event) return event;
    bytes += appendSize([event]);
    if (bytes > appendBytesMax) return appendTooLarge(appendBytesMax);
    events.push(event);
    return undefined;
  };

  call.on('data', (request: AppendReq) => {
    if (answered) return;
    const fault = accept(request);
    if (fault) fail(fault);
  });
  call.on('end', () => {
    if (answered) return;
    if (target === undefined) {
      fail(invalidArgument('The append carries no options.'));
      return;
    }
    const { stream, expected } = target;
    log.append({ stream, expected, events }, (settled) => {
      if (!settled.ok) fail(faulted(settled.error));
      else if (settled.value.kind === 'stream-deleted') fail(refused(settled.value, stream, expected));
      else callback(null, answerOf(settled.value, expected));
    });
  });
}

function proposedEventOf(message: streamsPb.AppendReq.ProposedMessage): ProposedEvent | CallError {
  const type = message.getMetadataMap().get('type');
  const contentType = message.getMetadataMap().get('content-type');
  if (type === undefined || contentType === undefined)
    return missingMetadataProperty('An event lacks its type or content type.');
  const id = idOf(message.getId());
  if (id === undefined) return invalidArgument('An event has no id, or one that is not a UUID.');
  return {
    id,
    type,
    isJson: contentType === JSON_CONTENT,
    data: message.getData_asU8(),
    metadata: message.getCustomMetadata_asU8(),
  };
}

function idOf(uuid: sharedPb.UUID | undefined): Buffer | undefined {
  const halves = uuid?.getStructured();
  try {
    if (halves)
      return bytesOfUuidHalves(BigInt(halves.getMostSignificantBits()), BigInt(halves.getLeastSignificantBits()));
    return uuid && bytesOfUuid(uuid.getString());
  } catch {
    return undefined; // answered as an invalid argument
  }
}

/** A wrong expectation is a normal message here, unlike in Delete and Tombstone. */
function answerOf(outcome: Exclude<WriteOutcome, { kind: 'stream-deleted' }>, expected: ExpectedRevision): AppendResp {
  const response = new streamsPb.AppendResp();
  if (outcome.kind === 'wrong-expected-revision') {
    response.setWrongExpectedVersion(wrongExpectedVersion(outcome.current, expected));
    return response;
  }
  const success = new streamsPb.AppendResp.Success();
  if (outcome.revision === NO_REVISION) success.setNoStream(new sharedPb.Empty());
  else success.setCurrentRevision(String(outcome.revision));
  if (outcome.position === undefined) success.setNoPosition(new sharedPb.Empty());
  else {
    const position = new streamsPb.AppendResp.Position();
    position.setCommitPosition(String(outcome.position));
    position.setPreparePosition(String(outcome.position));
    success.setPosition(position);
  }
  response.setSuccess(success);
  return response;
}

function wrongExpectedVersion(current: number, expected: ExpectedRevision): streamsPb.AppendResp.WrongExpectedVersion {
  const wrong = new streamsPb.AppendResp.WrongExpectedVersion();
  if (current === NO_REVISION) wrong.setCurrentNoStream(new sharedPb.Empty());
  else wrong.setCurrentRevision(String(current));
  if (typeof expected === 'number') wrong.setExpectedRevision(String(expected));
  else if (expected === 'noStream') wrong.setExpectedNoStream(new sharedPb.Empty());
  else if (expected === 'streamExists') wrong.setExpectedStreamExists(new sharedPb.Empty());
  else wrong.setExpectedAny(new sharedPb.Empty());
  return wrong;
}
