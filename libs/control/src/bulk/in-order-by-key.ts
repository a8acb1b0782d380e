/** Rows of one call or import that are worked on at the same time: each waits for the store, and the store writes many at once. */
export const rowsAtOnce = 32;

/**
 * Works on rows, at most `atOnceMax` at a time, and on rows of the same key one after the other as they stand: then many
 * rows about one thing come out as if they had been asked for singly, in that order.
 * @returns what came of each row, in the rows' order. Rejects with the first rejection of `work`, once nothing is under
 * way any more; rows not begun by then are left alone.
 */
export async function inOrderByKey<Row, Done>(
  rows: readonly Row[],
  keyOf: (row: Row) => string,
  atOnceMax: number,
  work: (row: Row, index: number) => Promise<Done>,
): Promise<Done[]> {
  const lanes = [...Map.groupBy(rows.entries(), ([, row]) => keyOf(row)).values()];
  const waiting = lanes.values();
  const done: Done[] = new Array<Done>(rows.length);
  let isOver = false;
  const takeLanes = async () => {
    for (const lane of waiting) {
      for (const [index, row] of lane) {
        if (isOver) return;
        done[index] = await work(row, index);
      }
    }
  };
  const workers = Array.from({ length: Math.min(atOnceMax, lanes.length) }, async () => {
    try {
      await takeLanes();
    } catch (error) {
      isOver = true;
      throw error;
    }
  });
  const failed = (await Promise.allSettled(workers)).find((it) => it.status === 'rejected');
  if (failed) throw failed.reason;
  return done;
}
