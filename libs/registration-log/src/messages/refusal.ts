/** Why a message is not what it claims to be: a value, never thrown. */
export interface Refusal {
  ok: false;
  /** A sentence's end, to be read after the path: "data.registrationId" + " is missing". Never quotes the input. */
  reason: string;
  /** The way to the field that is wrong, from the event's root; `['key']` is the message key, empty the whole message. */
  path: string[];
}

export function refusal(reason: string, path: string[]): Refusal {
  return { ok: false, reason, path };
}
