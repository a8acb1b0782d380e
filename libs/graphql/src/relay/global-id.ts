import { badInput } from '../bad-input.js';

const nodeTypes = [
  'Hub',
  'Enrollment',
  'EnrollmentGroup',
  'CaCertificate',
  'Operation',
  'Registration',
  'Region',
] as const;
export type NodeType = (typeof nodeTypes)[number];

const shape = new RegExp(`^(${nodeTypes.join('|')}):(.+)$`, 's');

/** Opaque and global: type and key, encoded. Clients must not take it apart. */
export function globalId(type: NodeType, key: string): string {
  return Buffer.from(`${type}:${key.toLowerCase()}`).toString('base64url');
}

/** @throws GraphQLError BAD_USER_INPUT for what this API never gave out. */
export function parseGlobalId(id: string): { type: NodeType; key: string } {
  const [, type, key] = shape.exec(Buffer.from(id, 'base64url').toString()) ?? [];
  if (type === undefined || key === undefined || globalId(type as NodeType, key) !== id) {
    throw badInput('This is no id that this API gave out: pass on the `id` of an object as you got it.');
  }
  return { type: type as NodeType, key };
}
