import { connect } from 'node:http2';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { jsonEvent } from '@eventstore/db-client';
import sharedPb from '@eventstore/db-client/generated/shared_pb.js';
import streamsPb from '@eventstore/db-client/generated/streams_pb.js';
import { eventually } from '@berth/testing';
import { startNodeUnderTest, type NodeUnderTest } from '../under-test/node-under-test.js';
import { freshStream } from '../under-test/speaking.js';

let store: NodeUnderTest;

beforeAll(async () => {
  store = await startNodeUnderTest();
});
afterAll(() => store.close());

describe('a subscriber that does not read', () => {
  it('costs the node its window and no more, and misses nothing', async () => {
    const stream = freshStream('slow');
    // Spoken in plain HTTP/2: the gRPC client reads on by itself, whether its user does or not.
    const session = connect(`http://${store.node.host}:${store.node.port}`);
    const call = session.request({
      ':method': 'POST',
      ':path': '/event_store.client.streams.Streams/Read',
      'content-type': 'application/grpc+proto',
      te: 'trailers',
    });
    call.end(framed(subscriptionTo(stream)));
    call.pause();
    const appended = 150;
    const before = retainedBytes();
    for (let n = 0; n < appended; n += 1) {
      await store.client.appendToStream(stream, jsonEvent({ type: 'Page', data: 'x'.repeat(256 * 1024) }));
    }
    // 37 MiB were written while the subscriber slept; had they been queued for it, they would stay here. Node gives freed
    // buffers back a little after the collection.
    await eventually('what was written to be let go', () => retainedBytes() - before < 15 * 1024 * 1024);
    const frames = new Frames();
    call.on('data', (chunk: Buffer) => frames.add(chunk));
    call.resume();
    await eventually('the sleeper to have read all', () => frames.revisions.length === appended);
    expect(frames.revisions).toEqual(Array.from({ length: appended }, (_, n) => n));
    call.close();
    session.close();
  });

  /** What is left after a full garbage collection, buffers included. */
  function retainedBytes(): number {
    setFlagsFromString('--expose-gc');
    const collectGarbage = runInNewContext('gc') as () => void;
    collectGarbage();
    const { heapUsed, arrayBuffers } = process.memoryUsage();
    return heapUsed + arrayBuffers;
  }

  const FRAME_HEAD_BYTES = 5;

  function framed(request: streamsPb.ReadReq): Buffer {
    const message = request.serializeBinary();
    const frame = Buffer.alloc(FRAME_HEAD_BYTES + message.length);
    frame.writeUInt32BE(message.length, 1);
    frame.set(message, FRAME_HEAD_BYTES);
    return frame;
  }

  /** Puts the messages of a response together again. */
  class Frames {
    readonly revisions: number[] = [];
    #chunks: Buffer[] = [];
    #bytes = 0;

    add(chunk: Buffer): void {
      this.#chunks.push(chunk);
      this.#bytes += chunk.length;
      for (let message = this.#take(); message; message = this.#take()) {
        const event = streamsPb.ReadResp.deserializeBinary(message).getEvent()?.getEvent();
        if (event) this.revisions.push(Number(event.getStreamRevision()));
      }
    }

    #take(): Buffer | undefined {
      if (this.#bytes < FRAME_HEAD_BYTES) return undefined;
      const [head = Buffer.alloc(0)] = (this.#chunks = [...this.#gather(FRAME_HEAD_BYTES)]);
      const end = FRAME_HEAD_BYTES + head.readUInt32BE(1);
      if (this.#bytes < end) return undefined;
      const [whole = Buffer.alloc(0)] = (this.#chunks = [...this.#gather(end)]);
      this.#chunks = [whole.subarray(end), ...this.#chunks.slice(1)];
      this.#bytes -= end;
      return whole.subarray(FRAME_HEAD_BYTES, end);
    }

    /** The chunks with the first `bytes` of them in one piece. */
    #gather(bytes: number): Buffer[] {
      if ((this.#chunks[0]?.length ?? 0) >= bytes) return this.#chunks;
      return [Buffer.concat(this.#chunks)];
    }
  }

  function subscriptionTo(stream: string): streamsPb.ReadReq {
    const identifier = new sharedPb.StreamIdentifier();
    identifier.setStreamName(Buffer.from(stream));
    const target = new streamsPb.ReadReq.Options.StreamOptions();
    target.setStreamIdentifier(identifier);
    target.setStart(new sharedPb.Empty());
    const options = new streamsPb.ReadReq.Options();
    options.setStream(target);
    options.setSubscription(new streamsPb.ReadReq.Options.SubscriptionOptions());
    options.setNoFilter(new sharedPb.Empty());
    const request = new streamsPb.ReadReq();
    request.setOptions(options);
    return request;
  }
});
