import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { binaryEvent, jsonEvent, type ResolvedEvent } from '@eventstore/db-client';
import sharedPb from '@eventstore/db-client/generated/shared_pb.js';
import streamsPb from '@eventstore/db-client/generated/streams_pb.js';
import type { ReadResp } from '@eventstore/db-client/generated/streams_pb.js';
import {
  collect,
  events,
  failureOf,
  freshStream,
  revisionsOf,
  startNodeUnderTest,
  type NodeUnderTest,
} from '../under-test/node-under-test.js';

let store: NodeUnderTest;

beforeAll(async () => {
  store = await startNodeUnderTest();
});
afterAll(() => store.close());

async function streamOf(count: number): Promise<string> {
  const stream = freshStream();
  await store.client.appendToStream(stream, events(count));
  return stream;
}

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

  it('is an error when it was tombstoned, and so is its metadata stream', async () => {
    const stream = await streamOf(1);
    await store.client.tombstoneStream(stream);
    for (const name of [stream, `$$${stream}`]) {
      expect(await failureOf(collect(store.client.readStream(name)))).toMatchObject({
        type: 'stream-deleted',
        streamName: name,
      });
    }
    const subscription = store.client.subscribeToStream(stream);
    expect(await failureOf(collect(subscription))).toMatchObject({ type: 'stream-deleted' });
  });
});

describe('detail 8, positions', () => {
  it('grow without being dense, are equal in commit and prepare, and are the ones appends answered', async () => {
    const stream = freshStream();
    const written = await store.client.appendToStream(stream, events(3));
    const positions = (await collect(store.client.readStream(stream))).map(({ event }) => event?.position);
    const commits = positions.map((position) => position?.commit ?? -1n);
    expect(positions.every((position) => position?.commit === position?.prepare)).toBe(true);
    expect(commits.at(-1)).toBe(written.position?.commit);
    for (const [index, commit] of commits.entries()) {
      if (index > 0) expect(commit - (commits[index - 1] ?? 0n)).toBeGreaterThan(1n);
    }
  });

  it('refuses one that is no record boundary, such as a position plus one', async () => {
    const { position } = await store.client.appendToStream(freshStream(), events(1));
    const next = { commit: (position?.commit ?? 0n) + 1n, prepare: (position?.prepare ?? 0n) + 1n };
    const failure = await failureOf(collect(store.client.readAll({ fromPosition: next })));
    expect(failure).toMatchObject({ code: 3 });
  });

  it('takes one beyond the end for the end, up to the largest there is', async () => {
    await streamOf(1);
    const beyond = 2n ** 64n - 64n;
    expect(await collect(store.client.readAll({ fromPosition: { commit: beyond, prepare: beyond } }))).toEqual([]);
  });
});

describe('detail 9, what is included in a read', () => {
  it('readStream includes the revision it is given, in both directions', async () => {
    const stream = await streamOf(5);
    const read = async (options: Parameters<typeof store.client.readStream>[1]) =>
      revisionsOf(await collect(store.client.readStream(stream, options)));
    expect(await read({})).toEqual([0, 1, 2, 3, 4]);
    expect(await read({ fromRevision: 2n })).toEqual([2, 3, 4]);
    expect(await read({ fromRevision: 1n, maxCount: 2 })).toEqual([1, 2]);
    expect(await read({ fromRevision: 9n })).toEqual([]);
    expect(await read({ fromRevision: 'end' })).toEqual([]);
    expect(await read({ direction: 'backwards', fromRevision: 'end' })).toEqual([4, 3, 2, 1, 0]);
    expect(await read({ direction: 'backwards', fromRevision: 'end', maxCount: 1 })).toEqual([4]);
    expect(await read({ direction: 'backwards', fromRevision: 2n })).toEqual([2, 1, 0]);
    expect(await read({ direction: 'backwards', fromRevision: 'start' })).toEqual([0]);
    expect(await read({ direction: 'backwards', fromRevision: 9n, maxCount: 2 })).toEqual([4, 3]);
  });

  it('readAll includes the position forwards and leaves it out backwards', async () => {
    const stream = await streamOf(3);
    const all = await collect(store.client.readAll());
    const [, middle] = await collect(store.client.readStream(stream));
    const fromPosition = middle?.event?.position;
    if (!fromPosition) throw new Error('The event has a position.');
    const forwards = await collect(store.client.readAll({ fromPosition }));
    expect(revisionsOf(forwards)).toEqual([1, 2]);
    const backwards = await collect(store.client.readAll({ direction: 'backwards', fromPosition }));
    expect(backwards).toEqual(all.slice(0, -2).reverse());
    expect(await collect(store.client.readAll({ fromPosition: 'end' }))).toEqual([]);
    expect(await collect(store.client.readAll({ direction: 'backwards', fromPosition: 'start' }))).toEqual([]);
    const newest = await collect(store.client.readAll({ direction: 'backwards', fromPosition: 'end', maxCount: 2 }));
    expect(revisionsOf(newest)).toEqual([2, 1]);
  });

  it('reads beyond one page of the log, in both directions and in order', async () => {
    const stream = await streamOf(1000);
    const forwards = revisionsOf(await collect(store.client.readStream(stream)));
    expect(forwards).toEqual(Array.from({ length: 1000 }, (_, n) => n));
    const backwards = revisionsOf(
      await collect(store.client.readStream(stream, { direction: 'backwards', fromRevision: 'end' })),
    );
    expect(backwards).toEqual(forwards.reverse());
    const all = await collect(store.client.readAll());
    const commits = all.map(({ commitPosition }) => commitPosition ?? -1n);
    expect(commits).toEqual([...commits].sort((a, b) => (a < b ? -1 : 1)));
    expect(new Set(commits).size).toBe(commits.length);
    const allBackwards = await collect(store.client.readAll({ direction: 'backwards', fromPosition: 'end' }));
    expect(allBackwards).toEqual(all.reverse());
  });
});

describe('detail 12, a recorded event', () => {
  it('comes back as it was sent, with type, content type and time', async () => {
    const stream = freshStream('Ströme/日本');
    const json = jsonEvent({ type: 'Jsön', data: { nested: [1, 'ä'] }, metadata: { who: 'me' } });
    const binary = binaryEvent({ type: 'Binary', data: Uint8Array.of(0, 255, 128), metadata: Uint8Array.of(1, 2) });
    const before = Date.now();
    await store.client.appendToStream<typeof json | typeof binary>(stream, [json, binary]);
    const [first, second] = await collect(store.client.readStream(stream) as AsyncIterable<ResolvedEvent>);
    expect(first?.event).toMatchObject({
      streamId: stream,
      id: json.id,
      type: json.type,
      data: json.data,
      metadata: json.metadata,
      isJson: true,
    });
    const created = first?.event?.created.getTime() ?? 0;
    expect(created).toBeGreaterThanOrEqual(before);
    expect(created).toBeLessThanOrEqual(Date.now());
    expect(second?.event).toMatchObject({ id: binary.id, isJson: false });
    expect(Buffer.from(second?.event?.data as Uint8Array)).toEqual(Buffer.from(binary.data));
    expect(Buffer.from(second?.event?.metadata as Uint8Array)).toEqual(Buffer.from([1, 2]));
  });

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

describe('links', () => {
  it('are sent as they are, or together with what they lead to when asked', async () => {
    const target = await streamOf(2);
    const stream = freshStream('links');
    const link = (to: string) => binaryEvent({ type: '$>', data: Buffer.from(to) });
    await store.client.appendToStream(stream, [link(`1@${target}`), link(`7@${target}`), link('0@nowhere')]);
    const plain = await collect(store.client.readStream(stream));
    expect(plain.map(({ event, link: via }) => [event?.type, via])).toEqual(Array(3).fill(['$>', undefined]));
    const resolved = await collect(store.client.readStream(stream, { resolveLinkTos: true }));
    expect(resolved.map(({ event, link: via }) => [event?.streamId, event?.revision, via?.streamId])).toEqual([
      [target, 1n, stream],
      [undefined, undefined, stream],
      [undefined, undefined, stream],
    ]);
  });
});

describe('a read that makes no sense', () => {
  it('is an invalid argument with a sentence', async () => {
    const failure = await failureOf(readBare(readRequest('s', (options) => options.clearCount())));
    expect(failure).toMatchObject({ code: 3, details: expect.stringContaining('neither a count nor a subscription') });
  });
});
