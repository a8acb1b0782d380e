/** What an operator says of a hub, or an enrollment wants of one: `site=paris`. Compared exactly, case included. */
export interface Label {
  key: string;
  value: string;
}

/** Most labels of a hub, and most that an enrollment or a group can require. */
export const labelsMax = { hub: 16, required: 8 } as const;
/** Longest key and longest value, in characters. */
export const labelPartLengthMax = 63;

export type LabelRejection =
  | { kind: 'tooManyLabels'; max: number }
  | { kind: 'invalidLabel'; index: number }
  | { kind: 'labelNamedTwice'; key: string; index: number };

const part = /^[A-Za-z0-9](?:[A-Za-z0-9._/-]*[A-Za-z0-9])?$/;

/** Keys and values: alphanumerics, and between them `-` `.` `_` `/`; a key stands in a list once. */
export function faultInLabels(labels: readonly Label[], max: number): LabelRejection | null {
  if (labels.length > max) return { kind: 'tooManyLabels', max };
  const seen = new Set<string>();
  for (const [index, { key, value }] of labels.entries()) {
    if (!isPart(key) || !isPart(value)) return { kind: 'invalidLabel', index };
    if (seen.has(key)) return { kind: 'labelNamedTwice', key, index };
    seen.add(key);
  }
  return null;
}

function isPart(text: string): boolean {
  return text.length <= labelPartLengthMax && part.test(text);
}

/** As they are recorded, so that the same labels are the same list. */
export function inKeyOrder(labels: readonly Label[]): Label[] {
  const sorted = labels.map(({ key, value }) => ({ key, value }));
  return sorted.sort((a, b) => (a.key < b.key ? -1 : 1));
}

/** Those of the required labels that aren't among a hub's. */
export function lackedOf(required: readonly Label[], labels: readonly Label[]): Label[] {
  return required.filter((wanted) => !labels.some((label) => isSameLabel(label, wanted)));
}

export function isSameLabel(a: Label, b: Label): boolean {
  return a.key === b.key && a.value === b.value;
}
