import {
  type DocumentNode,
  type FragmentDefinitionNode,
  GraphQLError,
  Kind,
  type OperationDefinitionNode,
  type SelectionSetNode,
  visit,
} from 'graphql';

/** What one document may ask for. Pages are bounded by themselves, so these bound the whole. */
export const limits = {
  /** Levels of fields. */
  depth: 12,
  /** Levels within `__schema` and `__type`: the introspection query of usual tools has 15. */
  introspectionDepth: 20,
  /** Fields at the top of an operation, with fragments written out: each may be a page of its own. */
  rootFields: 100,
  aliases: 100,
  /** Root fields that a bulk mutation counts for: one document has four at most. */
  bulkWeight: 25,
  /** Parsing ends here. */
  tokens: 10_000,
  /** Selections in the whole document: checking for conflicts between them takes quadratic time. */
  selections: 1_000,
} as const;

/** Null when the document stays within the limits. To be asked before validation, which is what takes long. */
export function excess(document: DocumentNode): GraphQLError | null {
  const { aliases, selections } = counts(document);
  if (selections > limits.selections) return tooMuch('selections', selections, limits.selections);
  if (aliases > limits.aliases) return tooMuch('aliases', aliases, limits.aliases);
  const walk = new FragmentWalk(document);
  for (const definition of document.definitions) {
    if (definition.kind !== Kind.OPERATION_DEFINITION) continue;
    const rootFields = weightOfFields(walk.fieldsIn(definition.selectionSet));
    if (rootFields > limits.rootFields) return tooMuch(rootFieldsName, rootFields, limits.rootFields);
    const { data, introspection } = walk.depthOf(definition.selectionSet);
    if (data > limits.depth) return tooMuch('levels', data, limits.depth);
    if (introspection > limits.introspectionDepth) {
      return tooMuch('levels of introspection', introspection, limits.introspectionDepth);
    }
  }
  return null;
}

/** Documents are kept by who parses them, and are asked about at each request. */
const fieldsByOperation = new WeakMap<OperationDefinitionNode, readonly string[]>();

/** Names of the fields at the top of an operation, with fragments written out; of an excessive one not all. */
export function rootFieldsOf(document: DocumentNode, operation: OperationDefinitionNode): readonly string[] {
  let fields = fieldsByOperation.get(operation);
  if (!fields) fieldsByOperation.set(operation, (fields = new FragmentWalk(document).fieldsIn(operation.selectionSet)));
  return fields;
}

/** Fields at the top of an operation, a bulk mutation counting for as many as `limits` says. */
export function weightOf(document: DocumentNode, operation: OperationDefinitionNode): number {
  return weightOfFields(rootFieldsOf(document, operation));
}

function weightOfFields(names: readonly string[]): number {
  return names.reduce((sum, name) => sum + (bulkMutation.test(name) ? limits.bulkWeight : 1), 0);
}

function tooMuch(what: string, count: number, max: number): GraphQLError {
  const message = `The document has ${count} ${what}, at most ${max} are taken: split it into several requests.`;
  return new GraphQLError(message, { extensions: { code: 'QUERY_TOO_COMPLEX' } });
}

function counts(document: DocumentNode): { aliases: number; selections: number } {
  let aliases = 0;
  let selections = 0;
  visit(document, {
    SelectionSet: (set) => void (selections += set.selections.length),
    Field: ({ alias }) => void (aliases += alias ? 1 : 0),
  });
  return { aliases, selections };
}

interface Depth {
  data: number;
  introspection: number;
}

const noDepth: Depth = { data: 0, introspection: 0 };

const rootFieldsName = `root fields (a bulk mutation counts for ${limits.bulkWeight})`;
const bulkMutation = /^(enrollment(s|Groups)(Create|Update|Delete)|registrationsRelease)$/;

class FragmentWalk {
  private readonly fragments: ReadonlyMap<string, FragmentDefinitionNode>;
  private readonly fields = new Map<string, readonly string[]>();
  private readonly depths = new Map<string, Depth>();

  constructor({ definitions }: DocumentNode) {
    const fragments = definitions.filter((it) => it.kind === Kind.FRAGMENT_DEFINITION);
    this.fragments = new Map(fragments.map((fragment) => [fragment.name.value, fragment]));
  }

  /**
   * Names of the fields of a selection with fragments written out: up to one more than there may be. Each fragment is walked once, and
   * within itself it has none: validation refuses such circles.
   */
  fieldsIn({ selections }: SelectionSetNode): readonly string[] {
    const fields: string[] = [];
    for (const selection of selections) {
      if (fields.length > limits.rootFields) break;
      if (selection.kind === Kind.FIELD) fields.push(selection.name.value);
      else if (selection.kind === Kind.INLINE_FRAGMENT) fields.push(...this.fieldsIn(selection.selectionSet));
      else fields.push(...this.fieldsOfFragment(selection.name.value));
    }
    return fields.slice(0, limits.rootFields + 1);
  }

  private fieldsOfFragment(name: string): readonly string[] {
    const known = this.fields.get(name);
    if (known) return known;
    const fragment = this.fragments.get(name);
    if (!fragment) return [];
    this.fields.set(name, []);
    const fields = this.fieldsIn(fragment.selectionSet);
    this.fields.set(name, fields);
    return fields;
  }

  depthOf({ selections }: SelectionSetNode): Depth {
    return selections.reduce<Depth>((deepest, selection) => {
      if (selection.kind === Kind.INLINE_FRAGMENT) return deeper(deepest, this.depthOf(selection.selectionSet));
      if (selection.kind === Kind.FRAGMENT_SPREAD) return deeper(deepest, this.depthOfFragment(selection.name.value));
      const below = selection.selectionSet ? this.depthOf(selection.selectionSet) : noDepth;
      const isIntrospection = selection.name.value === '__schema' || selection.name.value === '__type';
      const levels = below.data + 1;
      return deeper(deepest, isIntrospection ? { data: 1, introspection: levels } : { ...below, data: levels });
    }, noDepth);
  }

  private depthOfFragment(name: string): Depth {
    const known = this.depths.get(name);
    if (known) return known;
    const fragment = this.fragments.get(name);
    if (!fragment) return noDepth;
    // Stands for itself while it is being walked, so that a circle ends.
    this.depths.set(name, noDepth);
    const depth = this.depthOf(fragment.selectionSet);
    this.depths.set(name, depth);
    return depth;
  }
}

function deeper(a: Depth, b: Depth): Depth {
  return { data: Math.max(a.data, b.data), introspection: Math.max(a.introspection, b.introspection) };
}
