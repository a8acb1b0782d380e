/** Where two JSON texts part. */
export interface Parting {
  /** Such as `outcomes[3].hub`; empty for the whole. */
  path: string;
  /** JSON; null where there is nothing. */
  stored: string | null;
  decided: string | null;
}

/** The first place, in the order of the stored text, where two JSON texts differ; null when they are equal, byte for byte. */
export function firstDifference(stored: string, decided: string | null): Parting | null {
  if (stored === decided) return null;
  if (decided === null) return { path: '', stored, decided };
  return parting(JSON.parse(stored), JSON.parse(decided), '') ?? { path: '', stored, decided };
}

function parting(stored: unknown, decided: unknown, path: string): Parting | null {
  const [one, other] = [JSON.stringify(stored), JSON.stringify(decided)];
  if (one === other) return null;
  if (isCompound(stored) && isCompound(decided) && Array.isArray(stored) === Array.isArray(decided)) {
    for (const name of new Set([...Object.keys(stored), ...Object.keys(decided)])) {
      const place = Array.isArray(stored) ? `${path}[${name}]` : path === '' ? name : `${path}.${name}`;
      const found = parting(stored[name], decided[name], place);
      if (found) return found;
    }
  }
  return { path, stored: one ?? null, decided: other ?? null };
}

function isCompound(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
