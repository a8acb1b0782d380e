import type { EventReader } from '../log/event-reader.js';
import type { EventHeader } from '../log/records.js';
import { encodeReadEvent, type SentEvent, type UuidForm } from '../wire/read-response.js';
import type { ReadOutlet } from './read-outlet.js';

const LINK_TYPE = '$>';

export interface SendOptions {
  readonly resolveLinks: boolean;
  readonly uuids: UuidForm;
}

/** Fetches the body of one event at a time, just before it goes out. */
export class EventSender {
  constructor(
    private readonly reader: EventReader,
    private readonly outlet: ReadOutlet,
    private readonly options: SendOptions,
  ) {}

  async send(header: EventHeader): Promise<void> {
    const event = this.#load(header);
    if (event === undefined) return; // deleted since its header was read
    const { resolveLinks, uuids } = this.options;
    const message =
      resolveLinks && header.type === LINK_TYPE
        ? encodeReadEvent(this.#targetOf(event), event, uuids)
        : encodeReadEvent(event, undefined, uuids);
    await this.outlet.send(message);
  }

  #load(header: EventHeader): SentEvent | undefined {
    const body = this.reader.bodyOf(header.position);
    return body && { header, body };
  }

  /** A link's data is `<revision>@<stream>`. Undefined when that event can't be read (any more). */
  #targetOf(link: SentEvent): SentEvent | undefined {
    const { data } = link.body;
    const text = Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString();
    const [, revision, stream] = /^(\d+)@(.+)$/s.exec(text) ?? [];
    if (revision === undefined || stream === undefined) return undefined;
    const view = this.reader.view(stream);
    if (view.kind !== 'readable') return undefined;
    const [header] = this.reader.readStream(view, 'forwards', Number(revision), 1);
    return header?.revision === Number(revision) ? this.#load(header) : undefined;
  }
}
