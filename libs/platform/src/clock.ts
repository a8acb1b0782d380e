/** The one place besides libs' edges where time comes from. Abstract class so that it can be an injection token. */
export abstract class Clock {
  /** Milliseconds since 1970. */
  abstract now(): number;
}

export const systemClock: Clock = { now: () => Date.now() };
