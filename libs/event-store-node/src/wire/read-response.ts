import { JSON_CONTENT, TOMBSTONE_REVISION, type EventBody, type EventHeader } from '../log/records.js';
import { textOfUuid } from '../log/uuid.js';
import { fieldSize, LENGTH_DELIMITED, ProtobufWriter, VARINT, varintSize } from './protobuf.js';

/** How the reader wants UUIDs. */
export type UuidForm = 'string' | 'structured';

/** An event ready to be sent. `link` is the `$>` event that led to it, when links are resolved. */
export interface SentEvent {
  readonly header: EventHeader;
  readonly body: EventBody;
}

/**
 * Encodes `event_store.client.streams.ReadResp` holding a `ReadEvent`. Its commit position is that of the link when there is
 * one, since that is where the reader stands. `event` is undefined when a link leads nowhere.
 */
export function encodeReadEvent(event: SentEvent | undefined, link: SentEvent | undefined, uuids: UuidForm): Buffer {
  const position = (link ?? event)?.header.position ?? 0;
  const parts: [field: number, part: EncodedRecord][] = [];
  if (event) parts.push([1, new EncodedRecord(event, uuids)]);
  if (link) parts.push([2, new EncodedRecord(link, uuids)]);
  const size = parts.reduce((sum, [, part]) => sum + fieldSize(part.size), 1 + varintSize(position));
  const writer = new ProtobufWriter(fieldSize(size));
  writer.messageHead(1, size);
  for (const [field, part] of parts) {
    writer.messageHead(field, part.size);
    part.writeTo(writer);
  }
  writer.varintField(3, position);
  return writer.buffer;
}

const REVISION_TOMBSTONE = Buffer.from([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]);
const TICKS_PER_MS = '0000';

/** A `RecordedEvent` whose sizes are worked out, so that it can be written without copying. */
class EncodedRecord {
  readonly size: number;
  readonly #id: Buffer;
  readonly #stream: Buffer;
  readonly #info: Buffer;
  readonly #revisionBytes: number;

  constructor(
    private readonly event: SentEvent,
    uuids: UuidForm,
  ) {
    const { header, body } = event;
    this.#id = encodeUuid(header.id, uuids);
    this.#stream = Buffer.from(header.stream);
    this.#info = encodeInfo(header);
    this.#revisionBytes =
      header.revision === TOMBSTONE_REVISION ? REVISION_TOMBSTONE.length : varintSize(header.revision);
    this.size =
      fieldSize(this.#id.length) +
      fieldSize(fieldSize(this.#stream.length)) +
      1 +
      this.#revisionBytes +
      2 * (1 + varintSize(header.position)) +
      this.#info.length +
      fieldSize(body.metadata.byteLength) +
      fieldSize(body.data.byteLength);
  }

  writeTo(writer: ProtobufWriter): void {
    const { header, body } = this.event;
    writer.bytesField(1, this.#id);
    writer.messageHead(2, fieldSize(this.#stream.length));
    writer.bytesField(3, this.#stream);
    writer.tag(3, VARINT);
    if (header.revision === TOMBSTONE_REVISION) writer.raw(REVISION_TOMBSTONE);
    else writer.varint(header.revision);
    writer.varintField(4, header.position);
    writer.varintField(5, header.position);
    writer.raw(this.#info);
    writer.bytesField(7, body.metadata);
    writer.bytesField(8, body.data);
  }
}

export function encodeUuid(id: Uint8Array, form: UuidForm): Buffer {
  if (form === 'string') {
    const writer = new ProtobufWriter(2 + 36);
    writer.asciiField(2, textOfUuid(id));
    return writer.buffer;
  }
  const bytes = Buffer.from(id.buffer, id.byteOffset, id.byteLength);
  const halves = Buffer.concat([
    Buffer.from([(1 << 3) | VARINT]),
    varint64(bytes.readBigUInt64BE(0)),
    Buffer.from([(2 << 3) | VARINT]),
    varint64(bytes.readBigUInt64BE(8)),
  ]);
  return Buffer.concat([Buffer.from([(1 << 3) | LENGTH_DELIMITED, halves.length]), halves]);
}

function varint64(value: bigint): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 128n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128);
  bytes.push(Number(rest));
  return Buffer.from(bytes);
}

/** The metadata map: type, content type and the time in ticks of 100 ns, as a string. */
function encodeInfo({ type, isJson, createdMs }: EventHeader): Buffer {
  const created = createdMs + TICKS_PER_MS;
  const typeBytes = Buffer.from(type);
  const constant = isJson ? JSON_ENTRY : BINARY_ENTRY;
  const typeEntrySize = TYPE_KEY.length + fieldSize(typeBytes.length);
  const createdEntrySize = CREATED_KEY.length + fieldSize(created.length);
  const writer = new ProtobufWriter(fieldSize(typeEntrySize) + constant.length + fieldSize(createdEntrySize));
  writer.messageHead(6, typeEntrySize);
  writer.raw(TYPE_KEY);
  writer.bytesField(2, typeBytes);
  writer.raw(constant);
  writer.messageHead(6, createdEntrySize);
  writer.raw(CREATED_KEY);
  writer.asciiField(2, created);
  return writer.buffer;
}

const TYPE_KEY = encodeText(1, 'type');
const CREATED_KEY = encodeText(1, 'created');
const JSON_ENTRY = encodeEntry('content-type', JSON_CONTENT);
const BINARY_ENTRY = encodeEntry('content-type', 'application/octet-stream');

function encodeText(field: number, text: string): Buffer {
  const writer = new ProtobufWriter(fieldSize(text.length));
  writer.asciiField(field, text);
  return writer.buffer;
}

function encodeEntry(key: string, value: string): Buffer {
  const entry = Buffer.concat([encodeText(1, key), encodeText(2, value)]);
  return Buffer.concat([Buffer.from([(6 << 3) | LENGTH_DELIMITED, entry.length]), entry]);
}
