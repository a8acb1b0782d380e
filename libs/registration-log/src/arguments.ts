import { LogFault } from './log-fault.js';

/* What every adapter refuses before it does anything: faults of the caller, which asking again won't mend. */

export function assertPartition(partition: number, partitions: number): void {
  if (Number.isInteger(partition) && partition >= 0 && partition < partitions) return;
  throw new LogFault('bad-argument', `partition ${partition} is not one of the ${partitions}`);
}

export function assertGroup(group: string, maxRecords: number): void {
  if (group === '') throw new LogFault('bad-argument', 'a consumer needs the name of its group');
  if (Number.isInteger(maxRecords) && maxRecords >= 1) return;
  throw new LogFault('bad-argument', `maxRecords must be 1 or more, not ${maxRecords}`);
}

export function assertRange(fromOffset: number, maxRecords: number): void {
  if (Number.isSafeInteger(fromOffset) && fromOffset >= 0 && Number.isInteger(maxRecords) && maxRecords >= 0) return;
  throw new LogFault('bad-argument', `can't read ${maxRecords} records from offset ${fromOffset}`);
}
