import type { sendUnaryData, Server, ServerUnaryCall } from '@grpc/grpc-js';
import { ServerFeaturesService } from '@eventstore/db-client/generated/serverfeatures_grpc_pb.js';
import serverFeaturesPb from '@eventstore/db-client/generated/serverfeatures_pb.js';

/** The release whose behaviour the node follows. */
const COMPATIBLE_VERSION = '24.10.0';

/** Methods a client may count on. Persistent subscriptions and projections are not among them. */
const SUPPORTED: Readonly<Record<string, readonly string[]>> = {
  'event_store.client.streams.Streams': ['Append', 'BatchAppend', 'Delete', 'Read', 'Tombstone'],
  'event_store.client.gossip.Gossip': ['Read'],
  'event_store.client.server_features.ServerFeatures': ['GetSupportedMethods'],
};

/** Features of Read a client may ask for beyond the first release's. */
const READ_FEATURES = ['position', 'events'];

export function addServerFeatures(server: Server): void {
  server.addService(ServerFeaturesService, {
    getSupportedMethods(_call: ServerUnaryCall<unknown, unknown>, callback: sendUnaryData<unknown>) {
      const response = new serverFeaturesPb.SupportedMethods();
      response.setEventStoreServerVersion(COMPATIBLE_VERSION);
      response.setMethodsList(Object.entries(SUPPORTED).flatMap(([service, methods]) => methodsOf(service, methods)));
      callback(null, response);
    },
  });
}

function methodsOf(service: string, names: readonly string[]): serverFeaturesPb.SupportedMethod[] {
  return names.map((name) => {
    const method = new serverFeaturesPb.SupportedMethod();
    method.setServiceName(service.toLowerCase());
    method.setMethodName(name.toLowerCase());
    if (service.endsWith('Streams') && name === 'Read') method.setFeaturesList(READ_FEATURES);
    return method;
  });
}
