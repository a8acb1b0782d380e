import { createHash, timingSafeEqual } from 'node:crypto';

/** What a caller may do, in the words of the reference service's shared access policies. */
export const rights = [
  /** Change hubs, the default policy, regions, CA certificates; rotate the master key. */
  'ServiceConfig',
  'EnrollmentRead',
  'EnrollmentWrite',
  'RegistrationStatusRead',
  /** Release registrations. */
  'RegistrationStatusWrite',
  /** Hand in registration events, as an edge gateway does. */
  'DeviceConnect',
] as const;
export type Right = (typeof rights)[number];

/** Who may call GraphQL and the registration intake. */
export type Auth =
  | { mode: 'none' }
  | {
      mode: 'apikey';
      keys: ReadonlyMap<string, string>;
      /** Of the keys named here; the others may do everything. */
      rights?: ReadonlyMap<string, ReadonlySet<Right>>;
    };

/** The actor of requests when nobody has to say who they are. */
export const anonymous = 'anonymous';

/** Tells who sends a request, and what they may do. Abstract class so that it can be an injection token. */
export abstract class Authenticator {
  /** Name of the caller by the request's `Authorization` header; null refuses it. */
  abstract actorOf(authorization: string | undefined): string | null;
  abstract may(actor: string, right: Right): boolean;
}

/** @returns an authenticator whose answer takes the same time whichever key is tried. */
export function authenticatorFor(auth: Auth): Authenticator {
  if (auth.mode === 'none') return { actorOf: () => anonymous, may: () => true };
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
    may: (actor, right) => auth.rights?.get(actor)?.has(right) ?? auth.keys.has(actor),
  };
}

/** What a caller without a right is told. */
export function lacking(actor: string, ...anyOf: readonly Right[]): string {
  return `The API key '${actor}' lacks the right ${anyOf.join(' or ')}.`;
}

function digestOf(key: string): Buffer {
  return createHash('sha256').update(key).digest();
}
