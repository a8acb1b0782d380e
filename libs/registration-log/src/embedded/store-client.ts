import { Worker } from 'node:worker_threads';
import { LogFault } from '../log-fault.js';
import type { StoreAnswer, StoreOperation, StoreRequests } from './store-protocol.js';

interface Waiting {
  resolve(answer: unknown): void;
  reject(fault: LogFault): void;
}

/** Asks the store thread and hands back its answers. How much may wait is bounded by those who ask. */
export class StoreClient {
  private readonly worker: Worker;
  private readonly waiting = new Map<number, Waiting>();
  private nextId = 1;
  private gone: LogFault | undefined;

  constructor(onGone: (fault: LogFault) => void) {
    // Beside this file lies the thread's own: TypeScript in src (Node strips the types itself), JavaScript in dist.
    const file = import.meta.url.endsWith('.ts') ? './store-worker.ts' : './store-worker.js';
    this.worker = new Worker(new URL(file, import.meta.url), { name: 'registration-log', execArgv: [] });
    this.worker.on('message', (answer: StoreAnswer) => this.settle(answer));
    const end = (cause: unknown) => {
      if (this.gone) return;
      this.gone = new LogFault('log-away', 'the store thread of the registration log has ended', { cause });
      for (const { reject } of this.waiting.values()) reject(this.gone);
      this.waiting.clear();
      onGone(this.gone);
    };
    this.worker.on('error', end);
    this.worker.on('exit', (code) => end(new Error(`exit code ${code}`)));
  }

  ask<O extends StoreOperation>(
    operation: O,
    ask: StoreRequests[O]['ask'],
    transfer: readonly ArrayBuffer[] = [],
  ): Promise<StoreRequests[O]['answer']> {
    if (this.gone) return Promise.reject(this.gone);
    const id = this.nextId++;
    return new Promise((resolve, reject) => {
      // The protocol ties each operation to its answer; the map of waiting callers can't express that.
      this.waiting.set(id, { resolve: resolve as (answer: unknown) => void, reject });
      this.worker.postMessage({ id, operation, ask }, transfer);
    });
  }

  async end(): Promise<void> {
    this.gone ??= new LogFault('closed', 'the registration log is closed');
    await this.worker.terminate();
  }

  private settle(answer: StoreAnswer): void {
    const waiting = this.waiting.get(answer.id);
    if (!waiting) return;
    this.waiting.delete(answer.id);
    if (answer.ok) waiting.resolve(answer.answer);
    else waiting.reject(faultOf(answer));
  }
}

function faultOf(answer: Extract<StoreAnswer, { ok: false }>): LogFault {
  if (answer.code === 'store-failed') return new LogFault('log-away', `the embedded store failed: ${answer.message}`);
  return new LogFault(answer.code, answer.message);
}
