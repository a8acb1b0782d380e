import {
  BeginCaCertificateVerification,
  type CaCertificateOutcome,
  DeleteCaCertificate,
  UploadCaCertificate,
  VerifyCaCertificate,
} from '@berth/control';
import { ReadModel } from '@berth/read-model';
import { UseFilters } from '@nestjs/common';
import { CommandBus } from '@nestjs/cqrs';
import { Args, Context, Mutation, Parent, Query, ResolveField, Resolver } from '@nestjs/graphql';
import { PassOn } from '../pass-on.filter.js';
import { positionText } from '../payload.js';
import { caCertificateError } from '../rejections.js';
import { connection } from '../relay/connection.js';
import { PageArgs, pageRequest } from '../relay/page-args.js';
import { RequestContext } from '../request-context.js';
import { DateTime } from '../scalars.js';
import { timesOf } from '../times.js';
import {
  CaCertificate,
  CaCertificateConnection,
  CaCertificateDeleteInput,
  caCertificateOf,
  CaCertificatePayload,
  type CaCertificateSource,
  CaCertificateUploadInput,
  CaCertificateVerificationBeginInput,
  CaCertificateVerifyInput,
} from './ca-certificate.types.js';

@UseFilters(PassOn)
@Resolver(() => CaCertificate)
export class CaCertificateResolver {
  constructor(
    private readonly readModel: ReadModel,
    private readonly commands: CommandBus,
  ) {}

  @Query(() => CaCertificate, { nullable: true })
  async caCertificate(@Args('name', { type: () => String }) name: string): Promise<CaCertificateSource | null> {
    const row = await this.readModel.caCertificate(name);
    return row && caCertificateOf(row, row.version);
  }

  @Query(() => CaCertificateConnection, { description: 'Uploaded CA certificates by name.' })
  async caCertificates(@Args() page: PageArgs) {
    const rows = await this.readModel.caCertificates(pageRequest('caCertificates', page));
    const nodeOf = (row: (typeof rows.rows)[number]) => caCertificateOf(row, row.version);
    return connection('caCertificates', rows, nodeOf, ({ name }) => name);
  }

  @ResolveField(() => DateTime)
  async createdAt(@Parent() ca: CaCertificateSource): Promise<string> {
    return (await this.timesOf(ca)).createdAt;
  }

  @ResolveField(() => DateTime)
  async updatedAt(@Parent() ca: CaCertificateSource): Promise<string> {
    return (await this.timesOf(ca)).updatedAt;
  }

  @Mutation(() => CaCertificatePayload, { description: 'Makes a CA certificate known by a name.' })
  async caCertificateUpload(
    @Args('input', { type: () => CaCertificateUploadInput }) { name, certificate, verified }: CaCertificateUploadInput,
    @Context() { origin }: RequestContext,
  ): Promise<CaCertificatePayload> {
    const command = new UploadCaCertificate({ name, certificate, verified: verified ?? false }, origin);
    return payloadOf(await this.commands.execute(command));
  }

  @Mutation(() => CaCertificatePayload, {
    description:
      'Makes a verification code: the common name of a certificate to be issued by the CA. The latest one counts.',
  })
  async caCertificateVerificationBegin(
    @Args('input', { type: () => CaCertificateVerificationBeginInput }) { name }: CaCertificateVerificationBeginInput,
    @Context() { origin }: RequestContext,
  ): Promise<CaCertificatePayload> {
    return payloadOf(await this.commands.execute(new BeginCaCertificateVerification(name, origin)));
  }

  @Mutation(() => CaCertificatePayload, { description: 'Verifies by proof of possession, or by your word.' })
  async caCertificateVerify(
    @Args('input', { type: () => CaCertificateVerifyInput })
    { name, verificationCertificate }: CaCertificateVerifyInput,
    @Context() { origin }: RequestContext,
  ): Promise<CaCertificatePayload> {
    const command = new VerifyCaCertificate({ name, proof: verificationCertificate ?? null }, origin);
    return payloadOf(await this.commands.execute(command));
  }

  @Mutation(() => CaCertificatePayload, { description: 'Refused while a group goes by it.' })
  async caCertificateDelete(
    @Args('input', { type: () => CaCertificateDeleteInput }) { name }: CaCertificateDeleteInput,
    @Context() { origin }: RequestContext,
  ): Promise<CaCertificatePayload> {
    return payloadOf(await this.commands.execute(new DeleteCaCertificate(name, origin)));
  }

  private timesOf(ca: CaCertificateSource) {
    return timesOf(this.readModel, ca, () => this.readModel.caCertificate(ca.name));
  }
}

function payloadOf(outcome: CaCertificateOutcome): CaCertificatePayload {
  const position = positionText(outcome.position);
  if (!outcome.ok) return { caCertificate: null, userErrors: [caCertificateError(outcome.rejection)], position };
  const { state, version } = outcome;
  const caCertificate = state.status === 'uploaded' ? caCertificateOf(state, version, outcome.position) : null;
  return { caCertificate, userErrors: [], position };
}
