import { type FastifyReply, type FastifyRequest } from 'fastify';
import { type Authenticator, lacking, type Right } from './auth.js';
import { describeOperation } from './operation-log.js';
import { problem } from './problem.js';

/** An `onRequest` hook that lets in whoever has the right, before a body is read: others get 401 or 403. */
export function callersWith(right: Right, authenticator: Authenticator) {
  return async (request: FastifyRequest, reply: FastifyReply): Promise<void> => {
    const actor = authenticator.actorOf(request.headers.authorization);
    if (actor === null) return problem(reply, 401, 'UNAUTHENTICATED', 'Unauthorized');
    describeOperation(request, { actor });
    if (!authenticator.may(actor, right)) await problem(reply, 403, 'FORBIDDEN', lacking(actor, right));
  };
}
