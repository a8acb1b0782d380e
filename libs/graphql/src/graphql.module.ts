import { type DynamicModule, Module } from '@nestjs/common';
import { GraphQLModule } from '@nestjs/graphql';
import { MercuriusDriver, type MercuriusDriverConfig } from '@nestjs/mercurius';
import { type ExecutionResult } from 'graphql';
import { DEPLOYMENT, type Deployment, DeploymentResolver } from './deployment.js';
import { CaCertificateResolver } from './ca-certificate/ca-certificate.resolver.js';
import { EnrollmentGroupResolver } from './enrollment-group/enrollment-group.resolver.js';
import { EnrollmentGroupsResolver } from './enrollment-group/enrollment-groups.resolver.js';
import { EnrollmentResolver } from './enrollment/enrollment.resolver.js';
import { EnrollmentsResolver } from './enrollment/enrollments.resolver.js';
import { HubLoadResolver } from './hub/hub-load.resolver.js';
import { HubResolver } from './hub/hub.resolver.js';
import { limits } from './http/document-limits.js';
import { formatError } from './http/format-error.js';
import { GraphqlHttp } from './http/graphql-http.js';
import { GraphqlSocket } from './http/graphql-socket.js';
import { NodeResolver } from './node/node.resolver.js';
import { OperationResolver } from './operation/operation.resolver.js';
import { PolicyResolver } from './policy/policy.resolver.js';
import { MasterKeyResolver } from './master-key/master-key.resolver.js';
import { RegionResolver } from './region/region.resolver.js';
import { DeviceDeprovisionResolver } from './registration/device-deprovision.resolver.js';
import { RegistrationResolver } from './registration/registration.resolver.js';
import { RequestContext } from './request-context.js';
import { ExportRoutes } from './transfer/export-routes.js';
import { ImportRoutes } from './transfer/import-routes.js';

export const resolvers = [
  DeploymentResolver,
  NodeResolver,
  HubResolver,
  HubLoadResolver,
  PolicyResolver,
  MasterKeyResolver,
  RegionResolver,
  EnrollmentResolver,
  EnrollmentsResolver,
  EnrollmentGroupResolver,
  EnrollmentGroupsResolver,
  CaCertificateResolver,
  RegistrationResolver,
  DeviceDeprovisionResolver,
  OperationResolver,
];

/** Documents kept parsed, validated and compiled. */
const documentsMax = 256;
/** A document is compiled when it comes for the third time: those that come once would only cost. */
const compileAt = 2;

/**
 * GraphQL at `/graphql`: schema, resolvers, limits, GraphiQL, WebSocket; imports and exports in the schema's words. Wants `ReadModel`, `Authenticator` and the
 * command bus with `ControlModule`'s handlers from global modules, and Nest on Fastify.
 */
@Module({})
export class GraphqlModule {
  static forRoot(deployment: Deployment): DynamicModule {
    return {
      module: GraphqlModule,
      imports: [
        GraphQLModule.forRoot<MercuriusDriverConfig>({
          driver: MercuriusDriver,
          autoSchemaFile: true,
          sortSchema: true,
          routes: false,
          subscription: false,
          jit: compileAt,
          cache: documentsMax,
          graphql: { parseOptions: { maxTokens: limits.tokens } },
          errorFormatter,
        }),
      ],
      providers: [
        { provide: DEPLOYMENT, useValue: deployment },
        ...resolvers,
        GraphqlHttp,
        GraphqlSocket,
        ImportRoutes,
        ExportRoutes,
      ],
    };
  }
}

function errorFormatter({ data, errors = [] }: ExecutionResult, context: unknown) {
  const correlationId = context instanceof RequestContext ? context.origin.correlationId : 'unknown';
  const formatted = errors.map((error) => formatError(error, 'execution', correlationId));
  return { statusCode: 200, response: { data: data ?? null, errors: formatted as never } };
}
