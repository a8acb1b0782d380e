import { type Authenticator, lacking, type Right, rights } from '@berth/platform';
import {
  type DocumentNode,
  GraphQLError,
  type GraphQLSchema,
  type OperationDefinitionNode,
  OperationTypeNode,
  TypeInfo,
  visit,
  visitWithTypeInfo,
} from 'graphql';

/** The caller may not do something that the operation asks for. Nothing of the document was done. */
export class Forbidden extends GraphQLError {
  constructor(message: string) {
    super(message, { extensions: { code: 'FORBIDDEN' } });
  }
}

/** Whoever may do anything of this sees the configuration: hubs, policies, regions, loads. Gateways' keys don't. */
const seesConfiguration = rights.filter((right) => right !== 'DeviceConnect');

/** Mutations that do what these do. */
const composed: Readonly<Record<string, readonly string[]>> = {
  deviceDeprovision: ['enrollmentUpdate', 'registrationRelease'],
};
const rootTypes = ['Query', 'Mutation', 'Subscription'];
/** Types that say something of enrollments, or of registrations, wherever they are met. */
const enrollmentType = /^Enrollment(Group)?(Connection|Edge)?$/;
const registrationType = /^Registration(Connection|Edge)?$/;

/** Rights of which a caller needs one for a field. */
function rightsFor(type: string, field: string, operation: OperationTypeNode): readonly Right[] {
  if (type === 'Mutation') {
    if (field.startsWith('enrollment')) return ['EnrollmentWrite'];
    return field.startsWith('registration') ? ['RegistrationStatusWrite'] : ['ServiceConfig'];
  }
  if (enrollmentType.test(type)) {
    // Who has changed something is told what it is now.
    return operation === OperationTypeNode.MUTATION ? ['EnrollmentRead', 'EnrollmentWrite'] : ['EnrollmentRead'];
  }
  if (registrationType.test(type)) return ['RegistrationStatusRead'];
  return seesConfiguration;
}

/** @throws Forbidden when the caller lacks a right that any field of the operation needs. For validated documents. */
export function mustBeAllowed(
  authenticator: Authenticator,
  actor: string,
  {
    schema,
    document,
    operation,
  }: { schema: GraphQLSchema; document: DocumentNode; operation: OperationDefinitionNode },
): void {
  if (rights.every((right) => authenticator.may(actor, right))) return;
  const asked = new Map<string, readonly Right[]>();
  const types = new TypeInfo(schema);
  visit(
    document,
    visitWithTypeInfo(types, {
      Field({ name: { value: field } }) {
        const parent = types.getParentType()?.name ?? '';
        const isIntrospection = parent.startsWith('__') || (field.startsWith('__') && rootTypes.includes(parent));
        if (isIntrospection) return;
        for (const as of parent === 'Mutation' ? (composed[field] ?? [field]) : [field]) {
          const anyOf = rightsFor(parent, as, operation.operation);
          asked.set(anyOf.join(), anyOf);
        }
      },
    }),
  );
  for (const anyOf of asked.values()) {
    if (!anyOf.some((right) => authenticator.may(actor, right))) throw new Forbidden(lacking(actor, ...anyOf));
  }
}
