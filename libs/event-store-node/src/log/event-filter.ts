/** Which events of $all a subscription wants; undefined fields don't restrict. */
export interface EventFilter {
  readonly on: 'streamName' | 'eventType';
  readonly prefixes: readonly string[];
  /** Used when there are no prefixes. JavaScript's dialect; stay within what it shares with .NET's. */
  readonly regex: string;
}

/** A condition over `stream.name` and `event.type`, with the parameters it takes. */
export interface FilterCondition {
  readonly sql: string;
  readonly parameters: readonly (string | number)[];
}

const FILTER_PREFIXES_MAX = 500;

/** What the client's `excludeSystemEvents()` sends: common enough to be spared the call into JavaScript. */
const EXCLUDE_SYSTEM_EVENTS = /^\^\[\^\\?\$\]\.\*$/;

/** @throws InvalidFilter */
export function conditionOf(filter: EventFilter): FilterCondition {
  const column = filter.on === 'streamName' ? 's.name' : 'e.type';
  if (filter.prefixes.length > FILTER_PREFIXES_MAX) {
    throw new InvalidFilter(`A filter takes at most ${FILTER_PREFIXES_MAX} prefixes.`);
  }
  if (filter.prefixes.length > 0) {
    return {
      sql: filter.prefixes.map(() => `substr(${column}, 1, length(?)) = ?`).join(' OR '),
      parameters: filter.prefixes.flatMap((prefix) => [prefix, prefix]),
    };
  }
  if (EXCLUDE_SYSTEM_EVENTS.test(filter.regex))
    return { sql: `substr(${column}, 1, 1) NOT IN ('$', '')`, parameters: [] };
  compile(filter.regex);
  return { sql: `matches(?, ${column})`, parameters: [filter.regex] };
}

export class InvalidFilter extends Error {
  override readonly name = 'InvalidFilter';
}

const COMPILED_MAX = 64;
const compiled = new Map<string, RegExp>();

/** The SQL function `matches(pattern, text)`. */
export function matches(pattern: unknown, text: unknown): number {
  return compile(String(pattern)).test(String(text)) ? 1 : 0;
}

function compile(pattern: string): RegExp {
  const known = compiled.get(pattern);
  if (known) return known;
  if (compiled.size >= COMPILED_MAX) compiled.clear();
  try {
    const regex = new RegExp(pattern);
    compiled.set(pattern, regex);
    return regex;
  } catch (cause) {
    throw new InvalidFilter(`The filter's regular expression can't be used: ${String(cause)}`);
  }
}
