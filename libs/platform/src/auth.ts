import { createHash, timingSafeEqual } from 'node:crypto';

/** Who may call GraphQL and the registration intake. */
export type Auth = { mode: 'none' } | { mode: 'apikey'; keys: ReadonlyMap<string, string> };

/** The actor of requests when nobody has to say who they are. */
export const anonymous = 'anonymous';

/** Tells who sends a request. Abstract class so that it can be an injection token. */
export abstract class Authenticator {
  /** Name of the caller by the request's `Authorization` header; null refuses it. */
  abstract actorOf(authorization: string | undefined): string | null;
}

/** @returns an authenticator whose answer takes the same time whichever key is tried. */
export function authenticatorFor(auth: Auth): Authenticator {
  if (auth.mode === 'none') return { actorOf: () => anonymous };
  const digests = [...auth.keys].map(([name, key]) => ({ name, digest: digestOf(key) }));
  return {
    actorOf(authorization) {
      const [, given] = /^Bearer +(\S+)$/i.exec(authorization ?? '') ?? [];
      const digest = digestOf(given ?? '');
      let actor: string | null = null;
      // Every key is compared, and as digests of one length: neither the match nor the key's length shows in the time.
      for (const known of digests) if (timingSafeEqual(known.digest, digest)) actor = known.name;
      return given === undefined ? null : actor;
    },
  };
}

function digestOf(key: string): Buffer {
  return createHash('sha256').update(key).digest();
}
