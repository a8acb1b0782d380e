import type { sendUnaryData, Server, ServerUnaryCall } from '@grpc/grpc-js';
import { GossipService } from '@eventstore/db-client/generated/gossip_grpc_pb.js';
import gossipPb from '@eventstore/db-client/generated/gossip_pb.js';
import sharedPb from '@eventstore/db-client/generated/shared_pb.js';

export interface AdvertisedNode {
  readonly instanceId: string;
  readonly host: string;
  /** Asked at call time: a free port is known only once bound. */
  port(): number;
}

const TICKS_PER_MS = 10_000;

/** A cluster of one, and it leads. */
export function addGossip(server: Server, node: AdvertisedNode): void {
  server.addService(GossipService, {
    read(_call: ServerUnaryCall<unknown, unknown>, callback: sendUnaryData<unknown>) {
      const endPoint = new gossipPb.EndPoint();
      endPoint.setAddress(node.host);
      endPoint.setPort(node.port());
      const id = new sharedPb.UUID();
      id.setString(node.instanceId);
      const member = new gossipPb.MemberInfo();
      member.setInstanceId(id);
      member.setTimeStamp(String(Date.now() * TICKS_PER_MS));
      member.setState(gossipPb.MemberInfo.VNodeState.LEADER);
      member.setIsAlive(true);
      member.setHttpEndPoint(endPoint);
      const cluster = new gossipPb.ClusterInfo();
      cluster.setMembersList([member]);
      callback(null, cluster);
    },
  });
}
