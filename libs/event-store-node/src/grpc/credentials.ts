import { createHash, timingSafeEqual } from 'node:crypto';
import { ServerInterceptingCall, status, type Metadata, type ServerInterceptor } from '@grpc/grpc-js';
import { callError, type CallError } from './statuses.js';

/** The one user there is, who may do everything. */
export interface AdminUser {
  readonly username: string;
  readonly password: string;
}

/** A client asks these before it knows whether it needs credentials; a real server answers them to anybody too. */
const OPEN_TO_ALL = ['/event_store.client.server_features.ServerFeatures/', '/event_store.client.gossip.Gossip/'];

/** Lets a call pass only with the admin's Basic credentials. */
export function requireAdmin(admin: AdminUser): ServerInterceptor {
  const wanted = digest(`Basic ${Buffer.from(`${admin.username}:${admin.password}`).toString('base64')}`);
  return (method, call) =>
    new ServerInterceptingCall(call, {
      start: (next) => {
        next({
          onReceiveMetadata: (metadata, proceed) => {
            const refusal = OPEN_TO_ALL.some((service) => method.path.startsWith(service))
              ? undefined
              : judge(metadata, wanted);
            if (refusal) call.sendStatus(refusal);
            else proceed(metadata);
          },
        });
      },
    });
}

function judge(metadata: Metadata, wanted: Buffer): CallError | undefined {
  const [given] = metadata.get('authorization');
  if (given === undefined) {
    return callError(status.PERMISSION_DENIED, 'Access Denied: credentials are required.', {
      exception: 'access-denied',
    });
  }
  // Digests have one length, so the comparison takes the same time whatever was sent.
  if (timingSafeEqual(digest(String(given)), wanted)) return undefined;
  return callError(status.UNAUTHENTICATED, 'The credentials are wrong.');
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
