import { type FastifyReply } from 'fastify';
import { describeOperation } from './operation-log.js';

/** RFC 9457 problem details. @param code what went wrong, for programs; stable. */
export async function problem(
  reply: FastifyReply,
  status: number,
  code: string,
  detail: string,
  facts: object = {},
): Promise<void> {
  describeOperation(reply.request, { errorCodes: [code] });
  await reply
    .status(status)
    .header('content-type', 'application/problem+json')
    .send(JSON.stringify({ status, code, detail, ...facts }));
}
