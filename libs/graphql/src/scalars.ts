import { GraphQLScalarType, Kind, type ValueNode, valueFromASTUntyped } from 'graphql';
import { badInput } from './bad-input.js';

/** Instants as they are stored: UTC, ISO 8601. */
export const DateTime = new GraphQLScalarType<string, string>({
  name: 'DateTime',
  description: 'An instant in UTC, ISO 8601, such as `2026-11-22T10:00:00.000Z`.',
  serialize: String,
  parseValue: asInstant,
  parseLiteral: (node) => asInstant(node.kind === Kind.STRING ? node.value : null),
});

/** With a zone, so that it means the same everywhere; years of four digits. */
const instant = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d)$/;

function asInstant(value: unknown): string {
  const time = typeof value === 'string' && instant.test(value) ? Date.parse(value) : NaN;
  if (Number.isNaN(time)) throw badInput('An instant is wanted here, such as 2026-11-22T10:00:00Z.');
  return new Date(time).toISOString();
}

/** Nesting beyond this is no twin, and recursing through it would exhaust the stack. */
const jsonDepthMax = 32;

export const JSONObject = new GraphQLScalarType<Record<string, unknown>, unknown>({
  name: 'JSONObject',
  description: `A JSON object, nested at most ${jsonDepthMax} deep.`,
  serialize: (value) => value,
  parseValue: asObject,
  parseLiteral(node, variables) {
    if (isDeepLiteral(node, jsonDepthMax)) throw tooDeep();
    return asObject(valueFromASTUntyped(node, variables));
  },
});

function asObject(value: unknown): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw badInput('A JSON object is wanted here.');
  if (isDeep(value, jsonDepthMax)) throw tooDeep();
  return value as Record<string, unknown>;
}

function isDeep(value: unknown, levelsLeft: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return levelsLeft === 0 || Object.values(value).some((part) => isDeep(part, levelsLeft - 1));
}

function isDeepLiteral(node: ValueNode, levelsLeft: number): boolean {
  if (node.kind !== Kind.OBJECT && node.kind !== Kind.LIST) return false;
  const parts = node.kind === Kind.LIST ? node.values : node.fields.map(({ value }) => value);
  return levelsLeft === 0 || parts.some((part) => isDeepLiteral(part, levelsLeft - 1));
}

function tooDeep() {
  return badInput(`The JSON is nested more than ${jsonDepthMax} deep.`);
}
