import { stopping, type CallError } from './statuses.js';

/** A call that may go on for as long as the client likes. */
export interface LastingCall {
  fail(error: CallError): void;
}

/** The lasting calls under way, so that a node that stops can end them instead of waiting for ever. */
export class OpenCalls {
  readonly #calls = new Set<LastingCall>();

  add(call: LastingCall): void {
    this.#calls.add(call);
  }

  delete(call: LastingCall): void {
    this.#calls.delete(call);
  }

  endAll(): void {
    for (const call of this.#calls) call.fail(stopping());
    this.#calls.clear();
  }
}
