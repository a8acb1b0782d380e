/**
 * Client 6.2.1 keeps its pending appends in one table a process. When a connection breaks it rejects and clears them
 * all; if the answer to one still arrives, its `data` handler looks the append up, finds nothing and throws a TypeError
 * where nobody can catch it. The append was already reported as unknown and is retried, so that one error is harmless.
 * Everything else keeps Node's default: the process ends with the error printed.
 */
export function tolerateLateAnswers(): void {
  if (installed) return;
  installed = true;
  process.on('uncaughtException', (error) => {
    if (isLateAnswer(error)) return;
    console.error(error);
    process.exit(1);
  });
}

let installed = false;

export function isLateAnswer(error: unknown): boolean {
  return error instanceof TypeError && /not iterable/.test(error.message) && /batchAppend\.js/.test(error.stack ?? '');
}
