import { expect } from '@jest/globals';
import { type Decision } from '@berth/domain';

/**
 * Reads like the rule it checks: `given(linked()).when((hub) => cordonHub(…, hub)).then(cordoned())`.
 * @param decider the fold under test.
 */
export function givenWhenThen<S, E>(decider: { initial: S; evolve(state: S, event: E): S }) {
  return (...events: readonly E[]) => ({
    when<R>(decide: (state: S) => Decision<E, R>) {
      const decision = decide(events.reduce(decider.evolve, decider.initial));
      return {
        then(...expected: readonly E[]) {
          expect(decision).toEqual({ ok: true, events: expected });
        },
        thenNothing() {
          expect(decision).toEqual({ ok: true, events: [] });
        },
        thenRejected(rejection: R) {
          expect(decision).toEqual({ ok: false, rejection });
        },
      };
    },
  });
}
