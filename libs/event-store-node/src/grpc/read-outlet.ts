import { setImmediate as nextTurn } from 'node:timers/promises';
import type { ServerWritableStream } from '@grpc/grpc-js';
import type { ReadReq } from '@eventstore/db-client/generated/streams_pb.js';
import type { CallError } from './statuses.js';

export type ReadCall = ServerWritableStream<ReadReq, Buffer>;

/**
 * The way out of a Read call. Waits while the reader doesn't take what was sent, so what a slow one costs is the transport's
 * window and a handful of messages, however far behind it is.
 */
export class ReadOutlet {
  #open = true;
  #release: (() => void) | undefined;
  #onClose: (() => void) | undefined;

  constructor(private readonly call: ReadCall) {
    call.on('drain', () => this.#release?.());
    for (const event of ['cancelled', 'close', 'error']) call.on(event, () => this.#close());
  }

  /** False once the reader has gone or the call was ended. */
  get open(): boolean {
    return this.#open && !this.call.cancelled;
  }

  /** Called once, when the outlet closes for whatever reason. */
  onClose(listener: () => void): void {
    this.#onClose = listener;
  }

  /** Resolves when there is room for more. */
  async send(message: Buffer): Promise<void> {
    if (!this.open || this.call.write(message)) return;
    await new Promise<void>((resolve) => {
      this.#release = resolve;
    });
    this.#release = undefined;
  }

  /** Lets everybody else have their turn of the event loop. */
  async yield(): Promise<void> {
    await nextTurn();
  }

  end(): void {
    if (this.open) this.call.end();
    this.#close();
  }

  /** `call.destroy` would send nothing and leave the client waiting. */
  fail(error: CallError): void {
    if (this.open) this.call.emit('error', error);
    this.#close();
  }

  #close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#release?.();
    this.#onClose?.();
  }
}
