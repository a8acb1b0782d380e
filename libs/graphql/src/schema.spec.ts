import { beforeAll, describe, expect, it } from '@jest/globals';
import {
  getNamedType,
  getNullableType,
  getOperationAST,
  type GraphQLObjectType,
  type GraphQLSchema,
  isInputObjectType,
  isInterfaceType,
  isListType,
  isNonNullType,
  isObjectType,
  parse,
  printSchema,
  validate,
} from 'graphql';
import { readFile, writeFile } from 'node:fs/promises';
import { buildSchema } from './build-schema.js';
import { welcomeQuery } from './graphiql/start-script.js';
import { excess, limits, weightOf } from './http/document-limits.js';

const file = new URL('../schema.graphql', import.meta.url);
const head = '# Generated from the resolvers. `BERTH_UPDATE_SCHEMA=1 npx jest schema.spec` writes it anew.\n\n';

describe('the schema', () => {
  let schema: GraphQLSchema;
  let objects: GraphQLObjectType[];

  beforeAll(async () => {
    schema = await buildSchema();
    objects = Object.values(schema.getTypeMap())
      .filter(isObjectType)
      .filter(({ name }) => !name.startsWith('__'));
  });

  it('is the one in schema.graphql', async () => {
    const printed = `${head}${printSchema(schema)}\n`;
    if (process.env['BERTH_UPDATE_SCHEMA'] === '1') await writeFile(file, printed);
    const committed = await readFile(file, 'utf8').catch(() => '');
    if (committed === printed) return;
    throw new Error(
      'The schema differs from libs/graphql/schema.graphql. If clients can live with the change, write it anew with\n' +
        '  BERTH_UPDATE_SCHEMA=1 npm test -- libs/graphql/src/schema.spec.ts\nand commit it. What is served now:\n\n' +
        printed,
    );
  });

  it('gives every type with an id the Node interface', () => {
    const withId = objects.filter((type) => 'id' in type.getFields());
    expect(withId.map(({ name }) => name).sort()).toEqual([
      'CaCertificate',
      'Enrollment',
      'EnrollmentGroup',
      'Hub',
      'Operation',
      'Region',
      'Registration',
    ]);
    for (const type of withId) expect(type.getInterfaces().map(({ name }) => name)).toEqual(['Node']);
  });

  it('lists nodes in connections only', () => {
    const bare: string[] = [];
    for (const type of objects) {
      for (const [name, field] of Object.entries(type.getFields())) {
        const named = getNamedType(field.type);
        const isNode = isObjectType(named) && named.getInterfaces().length > 0;
        if (isListType(getNullableType(field.type)) && (isNode || isInterfaceType(named)))
          bare.push(`${type.name}.${name}`);
      }
    }
    expect(bare.sort()).toEqual([
      'CaCertificateConnection.nodes',
      'EnrollmentConnection.nodes',
      'EnrollmentGroupConnection.nodes',
      'HubConnection.nodes',
      'OperationConnection.nodes',
      'RegionConnection.nodes',
      'RegistrationConnection.nodes',
    ]);
  });

  it('lets every connection be asked from both ends', () => {
    for (const field of Object.values(schema.getQueryType()!.getFields())) {
      if (!getNamedType(field.type).name.endsWith('Connection')) continue;
      expect(field.args.map(({ name }) => name)).toEqual(expect.arrayContaining(['first', 'after', 'last', 'before']));
    }
  });

  it('takes one input in every mutation, and gives the object, userErrors and position', () => {
    const mutations = Object.values(schema.getMutationType()!.getFields());
    expect(mutations.length).toBeGreaterThan(0);
    for (const { name, args, type } of mutations) {
      expect([name, args.map((arg) => `${arg.name}: ${arg.type}`)]).toEqual([
        name,
        [expect.stringMatching(/^input: \w+Input!$/)],
      ]);
      expect(isInputObjectType(getNamedType(args[0]!.type))).toBe(true);
      expect(String(type)).toMatch(/^\w+Payload!$/);
      const fields = (getNamedType(type) as GraphQLObjectType).getFields();
      expect(String(fields['userErrors']?.type)).toBe('[UserError!]!');
      expect(String(fields['position']?.type)).toBe('String');
    }
  });

  it('has no default on a required input field: compiled documents would want the field all the same', () => {
    for (const type of Object.values(schema.getTypeMap()).filter(isInputObjectType)) {
      for (const field of Object.values(type.getFields())) {
        expect([`${type.name}.${field.name}`, isNonNullType(field.type) && field.defaultValue !== undefined]).toEqual([
          expect.any(String),
          false,
        ]);
      }
    }
  });

  it.each([
    ['Hub', 'id: ID!  name: String!  state: HubState!  weight: Int!  capacity: Int  region: String  load: HubLoad!'],
    ['HubLoad', 'hub: String!  devices: Int!  share: Float!  targetShare: Float!  utilization: Float'],
    [
      'Registration',
      'id: ID!  registrationId: String!  deviceId: String  status: RegistrationStatus!  substatus: String  hub: String  enrollment: String  enrollmentGroup: String  createdAt: DateTime!  updatedAt: DateTime!  decision: Decision',
    ],
    [
      'Decision',
      'position: String!  at: DateTime!  policy: AllocationPolicyKind!  policySource: String!  chosen: String  reason: String  candidates: [Candidate!]!',
    ],
    ['Candidate', 'hub: String!  verdict: String!  reason: String  score: String'],
    [
      'Query',
      'hub: Hub  hubs: HubConnection!  enrollment: Enrollment  enrollments: EnrollmentConnection!  enrollmentGroup: EnrollmentGroup  enrollmentGroups: EnrollmentGroupConnection!  allocationPolicy: AllocationPolicy!  registration: Registration  registrations: RegistrationConnection!  hubLoads: [HubLoad!]!  node: Node',
    ],
    ['Subscription', 'hubLoads: [HubLoad!]!'],
  ])('has the fields of the contract in %s', (name, contract) => {
    const fields = (schema.getType(name) as GraphQLObjectType).getFields();
    for (const field of contract.split(/ {2,}/)) {
      const [fieldName, type] = field.split(': ');
      expect([fieldName, String(fields[fieldName!]?.type)]).toEqual([fieldName, type]);
    }
  });

  it.each(['asOf', 'history'])('does not pretend to have %s', (word) => {
    expect(printSchema(schema)).not.toContain(word);
  });

  it('has no mutation of many rows that counts for one field', () => {
    const bulk = Object.values(schema.getMutationType()!.getFields()).filter(({ args: [input] }) => {
      const type = input && getNullableType(input.type);
      return isInputObjectType(type) && 'rows' in type.getFields();
    });
    expect(bulk.length).toBeGreaterThan(6);
    for (const { name } of bulk) {
      const document = parse(`mutation { ${name}(input: { rows: [] }) { position } }`);
      expect([name, weightOf(document, getOperationAST(document)!)]).toEqual([name, limits.bulkWeight]);
    }
  });

  it('fits the query that GraphiQL opens with', () => {
    const document = parse(welcomeQuery);
    expect(validate(schema, document)).toEqual([]);
    expect(excess(document)).toBeNull();
  });
});
