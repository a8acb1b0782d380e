import { badInput } from '../bad-input.js';

/** The lists that have cursors of their own. */
export type ListName =
  'hubs' | 'enrollments' | 'enrollmentGroups' | 'caCertificates' | 'operations' | 'registrations' | 'regions';

/** Opaque: the row's key within its list. Stable while rows come and go around it. */
export function cursorOf(list: ListName, key: string): string {
  return Buffer.from(`${list}>${key.toLowerCase()}`).toString('base64url');
}

/** @throws GraphQLError BAD_USER_INPUT for another list's cursor, and for what never was one. */
export function keyOfCursor(list: ListName, cursor: string): string {
  const text = Buffer.from(cursor, 'base64url').toString();
  const key = text.slice(list.length + 1);
  if (!text.startsWith(`${list}>`) || cursorOf(list, key) !== cursor) {
    throw badInput(`This is no cursor of '${list}': pass on \`endCursor\` or \`startCursor\` as you got it.`);
  }
  return key;
}
