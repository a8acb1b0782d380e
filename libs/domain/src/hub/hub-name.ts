/** Longest hub name, in characters: that of a DNS name, since hubs are usually named by their host. */
export const hubNameLengthMax = 253;

const shape = /^[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?$/;

/** Alphanumerics, and between them `-` `.` `_`; 1 to 253 characters. */
export function isHubName(text: string): boolean {
  return text.length <= hubNameLengthMax && shape.test(text);
}

/** Hub names are case-insensitive: this spelling names the stream, the original stays data. */
export function hubKey(name: string): string {
  return name.toLowerCase();
}
