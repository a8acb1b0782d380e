const METASTREAM_PREFIX = '$$';
const STREAM_NAME_BYTES_MAX = 4096;

/** `$$orders` holds the metadata of `orders`. */
export function isMetastream(name: string): boolean {
  return name.startsWith(METASTREAM_PREFIX);
}

export function metastreamOf(name: string): string {
  return METASTREAM_PREFIX + name;
}

export function originalOf(metastream: string): string {
  return metastream.slice(METASTREAM_PREFIX.length);
}

/** A sentence saying why no event can be written under this name, or undefined when it can. */
export function faultOfStreamName(name: string): string | undefined {
  if (name === '' || name === METASTREAM_PREFIX) return 'The stream name is empty.';
  if (Buffer.byteLength(name) > STREAM_NAME_BYTES_MAX)
    return `A stream name has at most ${STREAM_NAME_BYTES_MAX} bytes.`;
  if (name === '$all') return '$all is not a stream that can be written to.';
  if (isMetastream(name) && isMetastream(originalOf(name)))
    return 'A metadata stream has no metadata stream of its own.';
  return undefined;
}
