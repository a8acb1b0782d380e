import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { jsonEvent } from '@eventstore/db-client';
import sharedPb from '@eventstore/db-client/generated/shared_pb.js';
import streamsPb from '@eventstore/db-client/generated/streams_pb.js';
import type { ReadResp } from '@eventstore/db-client/generated/streams_pb.js';
import { startNodeUnderTest, type NodeUnderTest } from '../under-test/node-under-test.js';
import { collect, failureOf, freshStream } from '../under-test/speaking.js';

let store: NodeUnderTest;

beforeAll(async () => {
  store = await startNodeUnderTest();
});
afterAll(() => store.close());

function readRequest(stream: string, fill: (options: streamsPb.ReadReq.Options) => void): streamsPb.ReadReq {
  const identifier = new sharedPb.StreamIdentifier();
  identifier.setStreamName(Buffer.from(stream));
  const target = new streamsPb.ReadReq.Options.StreamOptions();
  target.setStreamIdentifier(identifier);
  target.setStart(new sharedPb.Empty());
  const options = new streamsPb.ReadReq.Options();
  options.setStream(target);
  options.setCount('10');
  options.setNoFilter(new sharedPb.Empty());
  fill(options);
  const request = new streamsPb.ReadReq();
  request.setOptions(options);
  return request;
}

async function readBare(request: streamsPb.ReadReq): Promise<ReadResp[]> {
  const responses: ReadResp[] = [];
  for await (const response of store.bare.read(request)) responses.push(response as ReadResp);
  return responses;
}

describe('detail 7, a stream that is not there', () => {
  it('is a message of a Read that ends well, and the client makes it StreamNotFound', async () => {
    const stream = freshStream();
    const [only, ...rest] = await readBare(readRequest(stream, () => undefined));
    expect(rest).toEqual([]);
    expect(Buffer.from(only?.getStreamNotFound()?.getStreamIdentifier()?.getStreamName_asU8() ?? []).toString()).toBe(
      stream,
    );
    expect(await failureOf(collect(store.client.readStream(stream)))).toMatchObject({
      type: 'stream-not-found',
      streamName: stream,
    });
  });
});

describe('detail 12, a recorded event', () => {
  it('states its time in ticks of 100 ns as a string, and its id in the form asked for', async () => {
    const event = jsonEvent({ type: 'Happened', data: {}, id: 'f0e1d2c3-b4a5-4968-8776-5a4b3c2d1e0f' });
    const stream = freshStream();
    await store.client.appendToStream(stream, event);
    const [text] = await readBare(readRequest(stream, () => undefined));
    expect(text?.getEvent()?.getEvent()?.getId()?.getString()).toBe(event.id);
    expect(text?.getEvent()?.getEvent()?.getMetadataMap().get('created')).toMatch(/^\d{13}0000$/);
    const structured = new streamsPb.ReadReq.Options.UUIDOption();
    structured.setStructured(new sharedPb.Empty());
    const [halves] = await readBare(readRequest(stream, (options) => options.setUuidOption(structured)));
    const id = halves?.getEvent()?.getEvent()?.getId()?.getStructured();
    expect(id?.getMostSignificantBits()).toBe(String(BigInt.asIntN(64, 0xf0e1d2c3b4a54968n)));
    expect(id?.getLeastSignificantBits()).toBe(String(BigInt.asIntN(64, 0x87765a4b3c2d1e0fn)));
  });
});

describe('a read that makes no sense', () => {
  it('is an invalid argument with a sentence', async () => {
    const failure = await failureOf(readBare(readRequest('s', (options) => options.clearCount())));
    expect(failure).toMatchObject({ code: 3, details: expect.stringContaining('neither a count nor a subscription') });
  });
});
