/** What a decision gives back: the events to record (none when what is asked already holds), or a typed refusal. */
export type Decision<E, R> = { ok: true; events: readonly E[] } | { ok: false; rejection: R };

export function accepted<E>(...events: readonly E[]): { ok: true; events: readonly E[] } {
  return { ok: true, events };
}

export function rejected<R>(rejection: R): { ok: false; rejection: R } {
  return { ok: false, rejection };
}

/** Marks a branch that the types rule out: a new member of a union fails the build here, bad data fails loudly. */
export function unreachable(value: never): never {
  throw new Error(`Not a known case: ${JSON.stringify(value)}`);
}
