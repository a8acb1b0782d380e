import type { ReadReq } from '@eventstore/db-client/generated/streams_pb.js';
import streamsPb from '@eventstore/db-client/generated/streams_pb.js';
import type { EventFilter } from '../log/event-filter.js';
import type { Direction } from '../log/event-reader.js';
import { isRecordBoundary } from '../log/positions.js';
import type { UuidForm } from '../wire/read-response.js';
import { streamNameOf } from './expected-revision.js';

export type From = 'start' | 'end' | number;

/** A Read call, taken apart. */
export interface ReadRequest {
  /** Undefined: $all. */
  readonly stream: string | undefined;
  readonly from: From;
  readonly direction: Direction;
  /** Undefined: a subscription. */
  readonly count: number | undefined;
  readonly filter: EventFilter | undefined;
  /** Events looked at between two checkpoints of a filtered subscription. */
  readonly checkpointEvery: number;
  readonly resolveLinks: boolean;
  readonly uuids: UuidForm;
}

/** EventStoreDB's search window where the client names none. */
const SEARCH_WINDOW = 32;
const CHECKPOINT_EVERY_MAX = 10_000_000;

/** A sentence instead of a request says what is wrong with it. */
export function parseReadRequest(message: ReadReq): ReadRequest | string {
  const options = message.getOptions();
  if (!options) return 'The read carries no options.';
  const direction = options.getReadDirection() === 0 ? 'forwards' : 'backwards';
  const subscription = options.hasSubscription();
  if (!subscription && !options.hasCount()) return 'The read states neither a count nor a subscription.';
  if (subscription && direction === 'backwards') return 'A subscription runs forwards.';
  const target = parseTarget(options);
  if (typeof target === 'string') return target;
  const filter = parseFilter(options.getFilter());
  if (typeof filter === 'string') return filter;
  if (filter && target.stream !== undefined) return 'Only $all can be filtered.';
  return {
    ...target,
    direction,
    count: subscription ? undefined : Number(options.getCount()),
    filter,
    checkpointEvery: checkpointEveryOf(options.getFilter()),
    resolveLinks: options.getResolveLinks(),
    uuids: options.getUuidOption()?.hasStructured() ? 'structured' : 'string',
  };
}

function parseTarget(options: ReadReq.Options): Pick<ReadRequest, 'stream' | 'from'> | string {
  const { StreamOptions, AllOptions } = streamsPb.ReadReq.Options;
  const ofStream = options.getStream();
  if (ofStream) {
    const stream = streamNameOf(ofStream.getStreamIdentifier());
    if (stream === '') return 'The stream name is empty.';
    switch (ofStream.getRevisionOptionCase()) {
      case StreamOptions.RevisionOptionCase.REVISION:
        return { stream, from: Number(ofStream.getRevision()) };
      case StreamOptions.RevisionOptionCase.END:
        return { stream, from: 'end' };
      default:
        return { stream, from: 'start' };
    }
  }
  const ofAll = options.getAll();
  if (!ofAll) return 'The read names neither a stream nor $all.';
  switch (ofAll.getAllOptionCase()) {
    case AllOptions.AllOptionCase.POSITION: {
      const commit = Number(ofAll.getPosition()?.getCommitPosition() ?? 0);
      if (!isRecordBoundary(commit)) return `Unexpected position ${commit}: no record begins there.`;
      return { stream: undefined, from: commit > Number.MAX_SAFE_INTEGER ? 'end' : commit };
    }
    case AllOptions.AllOptionCase.END:
      return { stream: undefined, from: 'end' };
    default:
      return { stream: undefined, from: 'start' };
  }
}

function parseFilter(options: ReadReq.Options.FilterOptions | undefined): EventFilter | string | undefined {
  if (!options) return undefined;
  const on = options.hasStreamIdentifier() ? 'streamName' : 'eventType';
  const expression = options.getStreamIdentifier() ?? options.getEventType();
  if (!expression) return 'The filter filters on nothing.';
  if (options.hasMax() && options.getMax() === 0) return 'The filter must look at one event at least.';
  return { on, prefixes: expression.getPrefixList(), regex: expression.getRegex() };
}

function checkpointEveryOf(options: ReadReq.Options.FilterOptions | undefined): number {
  const window = options?.hasMax() ? options.getMax() : SEARCH_WINDOW;
  return Math.min(window * Math.max(options?.getCheckpointintervalmultiplier() ?? 1, 1), CHECKPOINT_EVERY_MAX);
}
