import { canonicalJson } from '../canonical-json.js';
import { faultInLabels, type Label, type LabelRejection, labelsMax } from '../hub/label.js';
import { type AllocationPolicyKind, faultInHubList } from '../policy/allocation-policy.js';
import {
  type CustomAllocation,
  type CustomAllocationRejection,
  faultInCustomAllocation,
} from '../policy/custom-allocation.js';

/** What a device gets that comes through an enrollment or a group, and when it may come. */
export interface Terms {
  /** Null inherits the default policy at the time of each registration. */
  policy: AllocationPolicyKind | null;
  /** With `custom`: whom to ask. Null or absent otherwise. */
  custom?: CustomAllocation | null;
  /** Hubs the device may be placed on, in order of preference for `static`; empty is every linked hub. */
  hubs: readonly string[];
  /** Labels that a hub must have to be a candidate, in the order of their keys; absent: none. */
  require?: readonly Label[];
  reprovision: ReprovisionPolicy;
  /** Tags and desired properties the hub's twin starts with; null is none. */
  initialTwin: unknown;
  capabilities: Capabilities;
  validity: Validity;
  /** True: a device that has been assigned is refused from then on, but for repeats of the message that did it. */
  singleUse: boolean;
}

/** What happens on a second and later registration (section 3 of the reference service's feature list). */
export interface ReprovisionPolicy {
  /** False: the device stays on its hub while that is linked. */
  updateHubAssignment: boolean;
  /** On a change of hub: true copies the device's data, false starts from the initial twin. */
  migrateDeviceData: boolean;
}

export interface Capabilities {
  /** The hub shall know the device as an edge device. */
  iotEdge: boolean;
}

/** Instants in ISO 8601, both inclusive; null is unbounded. Judged at the time of the registration. */
export interface Validity {
  notBefore: string | null;
  notAfter: string | null;
}

/** What holds where nothing is said. */
export const defaultTerms: Terms = {
  policy: null,
  hubs: [],
  reprovision: { updateHubAssignment: true, migrateDeviceData: true },
  initialTwin: null,
  capabilities: { iotEdge: false },
  validity: { notBefore: null, notAfter: null },
  singleUse: false,
};

/** Largest initial twin as JSON, in bytes: 8 KB of tags and 32 KB of desired properties, as a hub takes them. */
export const initialTwinBytesMax = 40 * 1024;

export type TermsRejection =
  | LabelRejection
  | { kind: 'initialTwinTooLarge'; bytes: number; max: number }
  | { kind: 'invalidValidity' }
  | { kind: 'customNeedsWebhook' }
  | { kind: 'customOnlyForCustom' }
  | CustomAllocationRejection
  | { kind: 'staticNeedsHubs' }
  | { kind: 'tooManyHubs'; max: number }
  | { kind: 'hubNotLinked'; name: string; index: number }
  | { kind: 'hubNamedTwice'; name: string; index: number };

/** What terms are judged by; null: what they name was judged before. */
export interface TermsSurroundings {
  /** Keys (lower case) of the hubs linked at the moment of the command. */
  linked: ReadonlySet<string> | null;
  /** Hosts that webhooks may be on. */
  webhookHosts: ReadonlySet<string> | null;
}

export function faultInTerms(terms: Terms, { linked, webhookHosts }: TermsSurroundings): TermsRejection | null {
  const { policy, custom = null, hubs, require = [], initialTwin, validity } = terms;
  const bytes = jsonBytes(initialTwin);
  if (bytes > initialTwinBytesMax) return { kind: 'initialTwinTooLarge', bytes, max: initialTwinBytesMax };
  const [from, to] = [instantOf(validity.notBefore, -Infinity), instantOf(validity.notAfter, Infinity)];
  if (Number.isNaN(from) || Number.isNaN(to) || from > to) return { kind: 'invalidValidity' };
  if (custom === null && policy === 'custom') return { kind: 'customNeedsWebhook' };
  if (custom !== null && policy !== 'custom') return { kind: 'customOnlyForCustom' };
  const fault = custom && faultInCustomAllocation(custom, webhookHosts);
  if (fault) return fault;
  if ((policy === 'static' || custom?.fallback === 'static') && hubs.length === 0) return { kind: 'staticNeedsHubs' };
  return faultInLabels(require, labelsMax.required) ?? (linked && faultInHubList(hubs, linked));
}

/** Why the terms don't let anybody in at that time; null when they do. @param at milliseconds since 1970. */
export function faultInValidity({ notBefore, notAfter }: Validity, at: number): string | null {
  if (at < instantOf(notBefore, -Infinity)) return `is not valid before ${notBefore}`;
  if (at > instantOf(notAfter, Infinity)) return `was valid until ${notAfter}`;
  return null;
}

/**
 * Those of the wished fields that differ from what holds, where an absent one is null; null when none does. Fields left out or
 * undefined keep their value.
 */
export function changesIn<T extends object>(
  holding: T,
  wished: { [K in keyof T]?: T[K] | undefined },
): Partial<T> | null {
  const changed = Object.entries(wished).filter(
    ([field, value]) =>
      value !== undefined && canonicalJson(value) !== canonicalJson(holding[field as keyof T] ?? null),
  );
  return changed.length === 0 ? null : (Object.fromEntries(changed) as Partial<T>);
}

export function jsonBytes(value: unknown): number {
  return Buffer.byteLength(JSON.stringify(value));
}

function instantOf(text: string | null, unbounded: number): number {
  return text === null ? unbounded : Date.parse(text);
}
