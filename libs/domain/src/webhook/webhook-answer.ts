import { isHubName } from '../hub/hub-name.js';
import { initialTwinBytesMax } from '../enrollment/terms.js';

export type JsonObject = Readonly<Record<string, unknown>>;

/** What a webhook said of a device, as decisions record it; or why it said nothing of use, in words that follow "the webhook". */
export type WebhookAnswer =
  | {
      hub: string;
      /** What the hub's twin starts with, in place of the enrollment's; absent: the enrollment's. */
      initialTwin?: JsonObject;
      /** For the device; absent: nothing. */
      payload?: JsonObject;
    }
  | { fault: string };

/** Of an answer, as it came and as it is recorded: a page of decisions is to hold more than one. */
export const webhookAnswerBytesMax = 64 * 1024;
export const webhookAnswerDepthMax = 32;
/** A name is shown up to so many characters. */
const shownMax = 100;

/** Reads an `AllocationResponse`. Never throws, whatever the text. */
export function readWebhookAnswer(status: number, text: string): WebhookAnswer {
  if (status < 200 || status > 299) return { fault: `answered ${status}` };
  const said = objectIn(text);
  if (!said) return { fault: 'answered what is no JSON object' };
  const { iotHubHostName: hub } = said;
  if (typeof hub !== 'string' || hub === '') return { fault: 'named no hub (iotHubHostName)' };
  if (!isHubName(hub)) return { fault: `named '${hub.slice(0, shownMax)}', which is no hub's name` };
  const [initialTwin, payload] = [given(said, 'initialTwin'), given(said, 'payload')];
  for (const [name, value] of Object.entries({ initialTwin, payload })) {
    if (value !== undefined && !isObject(value)) return { fault: `answered with ${name} that is no JSON object` };
    if (!isWithinDepth(value, webhookAnswerDepthMax)) {
      return { fault: `answered with ${name} nested deeper than ${webhookAnswerDepthMax} levels` };
    }
  }
  const answer = {
    hub,
    ...(initialTwin !== undefined && { initialTwin: initialTwin as JsonObject }),
    ...(payload !== undefined && { payload: payload as JsonObject }),
  };
  // JSON may grow when it is written again: 1E20 does, fivefold.
  if (bytesOf(answer) > webhookAnswerBytesMax) return { fault: `answered more than ${webhookAnswerBytesMax} bytes` };
  if (bytesOf(initialTwin) > initialTwinBytesMax) {
    return { fault: `answered with an initialTwin of more than ${initialTwinBytesMax} bytes` };
  }
  return answer;
}

/** Undefined for null too: it says the same as leaving the field out. */
function given(said: JsonObject, name: string): unknown {
  return said[name] ?? undefined;
}

function objectIn(text: string): JsonObject | null {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : null;
  } catch {
    return null;
  }
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isWithinDepth(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return true;
  return levels > 0 && Object.values(value).every((part) => isWithinDepth(part, levels - 1));
}

function bytesOf(value: unknown): number {
  return value === undefined ? 0 : Buffer.byteLength(JSON.stringify(value));
}
