/** 16 bytes in the order of the text form. @throws RangeError when the text is no UUID. */
export function bytesOfUuid(text: string): Buffer {
  const bytes = Buffer.from(text.replaceAll('-', ''), 'hex');
  if (bytes.length !== 16) throw new RangeError('An event id is not a UUID.');
  return bytes;
}

export function textOfUuid(bytes: Uint8Array): string {
  const hex = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

/** The wire's other form: the 16 bytes as two signed 64-bit halves. */
export function bytesOfUuidHalves(most: bigint, least: bigint): Buffer {
  const bytes = Buffer.allocUnsafe(16);
  bytes.writeBigInt64BE(BigInt.asIntN(64, most), 0);
  bytes.writeBigInt64BE(BigInt.asIntN(64, least), 8);
  return bytes;
}
