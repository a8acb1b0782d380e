/** Longest registration id, in characters (device protocol, section 2). */
export const registrationIdLengthMax = 128;

const shape = /^[A-Za-z0-9._:-]*[A-Za-z0-9-]$/;

/** Alphanumerics and `-` `.` `_` `:`, the last character alphanumeric or `-`, 1 to 128 characters. */
export function isRegistrationId(text: string): boolean {
  return text.length <= registrationIdLengthMax && shape.test(text);
}

/** Registration ids are case-insensitive: this spelling names streams and keys, the original stays data. */
export function registrationKey(registrationId: string): string {
  return registrationId.toLowerCase();
}
