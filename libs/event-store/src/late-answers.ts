/**
 * Client 6.2.1 keeps its pending appends in one table a process. When a connection breaks it rejects and clears them
 * all, those of other connections too; the answers to these still arrive, the client's `data` handler finds nothing in the
 * table and throws a TypeError where nobody can catch it. That ends the process, and would leave the stream it happened on
 * without further answers. Such an append was reported as unknown and is retried, so the error itself is harmless: it is
 * passed on to those who can replace their connection. Every other uncaught error ends the process as Node would.
 * @returns a function that takes the listener off again.
 */
export function onLateAnswer(listener: () => void): () => void {
  if (listeners.size === 0) process.on('uncaughtException', handle);
  listeners.add(listener);
  return () => {
    listeners.delete(listener);
    if (listeners.size === 0) process.off('uncaughtException', handle);
  };
}

const listeners = new Set<() => void>();

function handle(error: unknown): void {
  if (!isLateAnswer(error)) {
    console.error(error);
    process.exit(1);
  }
  for (const listener of listeners) listener();
}

export function isLateAnswer(error: unknown): boolean {
  return (
    error instanceof TypeError && /not iterable/.test(error.message) && /batchAppend\.[jt]s/.test(error.stack ?? '')
  );
}
