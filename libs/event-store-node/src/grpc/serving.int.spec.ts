import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { credentials, Metadata } from '@grpc/grpc-js';
import { GossipClient } from '@eventstore/db-client/generated/gossip_grpc_pb.js';
import { ServerFeaturesClient } from '@eventstore/db-client/generated/serverfeatures_grpc_pb.js';
import sharedPb from '@eventstore/db-client/generated/shared_pb.js';
import gossipPb from '@eventstore/db-client/generated/gossip_pb.js';
import type { ClusterInfo } from '@eventstore/db-client/generated/gossip_pb.js';
import type { SupportedMethods } from '@eventstore/db-client/generated/serverfeatures_pb.js';
import streamsPb from '@eventstore/db-client/generated/streams_pb.js';
import type { AppendResp } from '@eventstore/db-client/generated/streams_pb.js';
import { startEventStoreNode } from '../node.js';
import { startNodeUnderTest, type NodeUnderTest } from '../under-test/node-under-test.js';
import { failureOf, freshStream } from '../under-test/speaking.js';

/** Asks one unary method of a generated client. */
function ask<Answer>(call: (done: (error: Error | null, answer?: Answer) => void) => void): Promise<Answer> {
  return new Promise((resolve, reject) => {
    call((error, answer) => (answer === undefined ? reject(error) : resolve(answer)));
  });
}

describe('finding the node', () => {
  let store: NodeUnderTest;
  beforeAll(async () => {
    store = await startNodeUnderTest();
  });
  afterAll(() => store.close());

  it('ServerFeatures lists what is served and nothing else', async () => {
    const client = new ServerFeaturesClient(`${store.node.host}:${store.node.port}`, credentials.createInsecure());
    const answer = await ask<SupportedMethods>((done) => client.getSupportedMethods(new sharedPb.Empty(), done));
    client.close();
    const methods = answer.getMethodsList().map((method) => `${method.getServiceName()}/${method.getMethodName()}`);
    expect(methods).toContain('event_store.client.streams.streams/batchappend');
    expect(methods.filter((method) => /persistent|projection/.test(method))).toEqual([]);
    expect(answer.getEventStoreServerVersion()).toMatch(/^24\.10\./);
  });

  it('Gossip names one member: alive, the leader, at this address', async () => {
    const client = new GossipClient(`${store.node.host}:${store.node.port}`, credentials.createInsecure());
    const answer = await ask<ClusterInfo>((done) => client.read(new sharedPb.Empty(), done));
    client.close();
    const { LEADER } = gossipPb.MemberInfo.VNodeState;
    expect(answer.getMembersList().map((member) => [member.getState(), member.getIsAlive()])).toEqual([[LEADER, true]]);
    expect(answer.getMembersList()[0]?.getHttpEndPoint()?.toObject()).toEqual({
      address: store.node.host,
      port: store.node.port,
    });
  });
});

const admin = { username: 'admin', password: 'pä:ss' };

describe('detail 6, the admin user', () => {
  let store: NodeUnderTest;
  beforeAll(async () => {
    store = await startNodeUnderTest({ admin });
  });
  afterAll(() => store.close());

  /** The published client sends credentials over TLS only, so here they are sent bare. */
  function appendAs(user: { username: string; password: string }): Promise<AppendResp> {
    const metadata = new Metadata();
    const basic = Buffer.from(`${user.username}:${user.password}`).toString('base64');
    metadata.set('authorization', `Basic ${basic}`);
    const identifier = new sharedPb.StreamIdentifier();
    identifier.setStreamName(Buffer.from(freshStream()));
    const options = new streamsPb.AppendReq.Options();
    options.setStreamIdentifier(identifier);
    options.setAny(new sharedPb.Empty());
    const request = new streamsPb.AppendReq();
    request.setOptions(options);
    return ask<AppendResp>((done) => {
      const call = store.bare.append(metadata, done);
      call.write(request);
      call.end();
    });
  }

  it('with wrong ones answers UNAUTHENTICATED', async () => {
    for (const wrong of [
      { ...admin, password: 'other' },
      { ...admin, username: 'other' },
    ]) {
      expect(await failureOf(appendAs(wrong))).toMatchObject({ code: 16 });
    }
  });

  it('with the right ones lets a call through', async () => {
    expect((await appendAs(admin)).hasSuccess()).toBe(true);
  });

  it('is required beyond the loopback addresses', async () => {
    const failure = await failureOf(startEventStoreNode({ dataFolder: store.folder, host: '0.0.0.0' }));
    expect(String(failure)).toContain('needs an admin user');
  });
});

describe('stopping', () => {
  it('may be asked for twice, and lets the next owner in', async () => {
    const store = await startNodeUnderTest();
    await Promise.all([store.node.stop(), store.node.stop()]);
    const next = await startEventStoreNode({ dataFolder: store.folder, lockPatienceMs: 0 });
    await next.stop();
    await store.close();
  });
});
