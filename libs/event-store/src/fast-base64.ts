import protobuf from 'google-protobuf';

const { Message } = protobuf;
const original = Message.bytesAsU8;

/**
 * The client hands JSON to google-protobuf as base64, which turns it back into bytes twice, character by character in
 * JavaScript: half of what the append of a page cost (docs/performance.md). Node's own decoder gives the same bytes.
 */
Message.bytesAsU8 = (bytes) => (typeof bytes === 'string' ? Buffer.from(bytes, 'base64') : original(bytes));
