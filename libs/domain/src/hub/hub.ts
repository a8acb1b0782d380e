import { accepted, type Decision, rejected, unreachable } from '../decision.js';
import { type SealedSecret } from '../secret/sealed-secret.js';
import { isHubName } from './hub-name.js';
import { faultInLabels, type Label, type LabelRejection, labelsMax } from './label.js';

/** One hub link's life. Stream `hub-<name in lower case>`. */
export type HubEvent =
  | { type: 'HubLinked'; v: 1; data: HubLinkData }
  | { type: 'HubWeightChanged'; v: 1; data: { name: string; weight: number } }
  | { type: 'HubCapacityChanged'; v: 1; data: { name: string; capacity: number | null } }
  | { type: 'HubRegionChanged'; v: 1; data: { name: string; region: string | null } }
  | { type: 'HubLabelsChanged'; v: 1; data: { name: string; labels: readonly Label[] } }
  | { type: 'HubCordoned'; v: 1; data: { name: string } }
  | { type: 'HubDrainBegun'; v: 1; data: { name: string } }
  | { type: 'HubUncordoned'; v: 1; data: { name: string } }
  | { type: 'HubUnlinked'; v: 1; data: { name: string } };

export interface HubLinkData {
  /** As the operator spelled it. */
  name: string;
  /** Share of new devices relative to the other hubs, 1–1000. */
  weight: number;
  /** Most devices the hub takes; null is unbounded. */
  capacity: number | null;
  region: string | null;
  /** In the order of their keys; absent: none. */
  labels?: readonly Label[];
  /** The hub's connection string; null when Berth never calls the hub. */
  connection: SealedSecret | null;
}

/**
 * `open` takes devices; `cordoned` keeps those it has and takes no new ones; `draining` takes none, and gives those it has
 * away as they register again and another hub can take them.
 */
export type HubState = 'open' | 'cordoned' | 'draining';

export interface LinkedHub extends HubLinkData {
  status: 'linked';
  state: HubState;
}
export type Hub = { status: 'unlinked' } | LinkedHub;

export const noHub: Hub = { status: 'unlinked' };

/** Range of a hub's weight, as in the reference service (1.1 of its feature list). */
export const hubWeight = { min: 1, max: 1000 } as const;
/** Most devices a hub's capacity can name: 2^31 - 1, the range of GraphQL's Int. */
export const hubCapacityMax = 2_147_483_647;
export const regionLengthMax = 64;

/** Who names a hub, and would find none there once it is unlinked. */
export interface HubReferences {
  /** The default policy's list does. */
  policy: boolean;
  /** Groups whose list does. */
  enrollmentGroups: readonly string[];
  /** Registration ids of enrollments whose list does; the first few. */
  enrollments: readonly string[];
  /** How many enrollments do, counted up to a bound: there may be more. */
  enrollmentCount: number;
}

export type HubRejection =
  | LabelRejection
  | { kind: 'invalidHubName'; name: string }
  | { kind: 'invalidWeight'; weight: number }
  | { kind: 'invalidCapacity'; capacity: number }
  | { kind: 'invalidRegion'; region: string }
  | { kind: 'hubAlreadyLinked'; name: string }
  | { kind: 'hubReferenced'; name: string; references: HubReferences }
  | { kind: 'hubNotLinked'; name: string };

export function evolveHub(hub: Hub, event: HubEvent): Hub {
  if (event.type === 'HubLinked') return { status: 'linked', state: 'open', ...event.data };
  if (hub.status === 'unlinked') return hub;
  switch (event.type) {
    case 'HubWeightChanged':
      return { ...hub, weight: event.data.weight };
    case 'HubCapacityChanged':
      return { ...hub, capacity: event.data.capacity };
    case 'HubRegionChanged':
      return { ...hub, region: event.data.region };
    case 'HubLabelsChanged':
      return { ...hub, labels: event.data.labels };
    case 'HubCordoned':
      return { ...hub, state: 'cordoned' };
    case 'HubDrainBegun':
      return { ...hub, state: 'draining' };
    case 'HubUncordoned':
      return { ...hub, state: 'open' };
    case 'HubUnlinked':
      return noHub;
    default:
      return unreachable(event);
  }
}

type HubDecision = Decision<HubEvent, HubRejection>;

export function linkHub(command: HubLinkData, hub: Hub): HubDecision {
  const fault = faultIn(command);
  if (fault) return rejected(fault);
  if (hub.status === 'linked') return rejected({ kind: 'hubAlreadyLinked', name: hub.name });
  return accepted({ type: 'HubLinked', v: 1, data: command });
}

/** A change of a link; a field left out keeps its value. */
export interface ChangeHub {
  name: string;
  weight?: number | undefined;
  capacity?: number | null | undefined;
  region?: string | null | undefined;
  labels?: readonly Label[] | undefined;
}

export function changeHub(command: ChangeHub, hub: Hub): HubDecision {
  const fault = faultIn(command);
  if (fault) return rejected(fault);
  if (hub.status === 'unlinked') return rejected({ kind: 'hubNotLinked', name: command.name });
  const { name } = hub;
  const { weight = hub.weight, capacity = hub.capacity, region = hub.region, labels = hub.labels ?? [] } = command;
  const events: HubEvent[] = [];
  if (weight !== hub.weight) events.push({ type: 'HubWeightChanged', v: 1, data: { name, weight } });
  if (capacity !== hub.capacity) events.push({ type: 'HubCapacityChanged', v: 1, data: { name, capacity } });
  if (region !== hub.region) events.push({ type: 'HubRegionChanged', v: 1, data: { name, region } });
  if (JSON.stringify(labels) !== JSON.stringify(hub.labels ?? [])) {
    events.push({ type: 'HubLabelsChanged', v: 1, data: { name, labels } });
  }
  return accepted(...events);
}

export function cordonHub(command: { name: string }, hub: Hub): HubDecision {
  if (hub.status === 'unlinked') return rejected({ kind: 'hubNotLinked', name: command.name });
  return hub.state === 'cordoned' ? accepted() : accepted({ type: 'HubCordoned', v: 1, data: { name: hub.name } });
}

export function drainHub(command: { name: string }, hub: Hub): HubDecision {
  if (hub.status === 'unlinked') return rejected({ kind: 'hubNotLinked', name: command.name });
  return hub.state === 'draining' ? accepted() : accepted({ type: 'HubDrainBegun', v: 1, data: { name: hub.name } });
}

/** Ends cordoning and draining alike. */
export function uncordonHub(command: { name: string }, hub: Hub): HubDecision {
  if (hub.status === 'unlinked') return rejected({ kind: 'hubNotLinked', name: command.name });
  return hub.state === 'open' ? accepted() : accepted({ type: 'HubUncordoned', v: 1, data: { name: hub.name } });
}

/** @param references null unlinks whoever names the hub. */
export function unlinkHub(command: { name: string; references: HubReferences | null }, hub: Hub): HubDecision {
  if (hub.status === 'unlinked') return rejected({ kind: 'hubNotLinked', name: command.name });
  const { references } = command;
  if (references && isReferenced(references)) {
    return rejected({ kind: 'hubReferenced', name: hub.name, references });
  }
  return accepted({ type: 'HubUnlinked', v: 1, data: { name: hub.name } });
}

function isReferenced({ policy, enrollmentGroups, enrollmentCount }: HubReferences): boolean {
  return policy || enrollmentGroups.length > 0 || enrollmentCount > 0;
}

function faultIn({ name, weight, capacity, region, labels = [] }: ChangeHub): HubRejection | null {
  if (!isHubName(name)) return { kind: 'invalidHubName', name };
  if (weight !== undefined && !isWithin(weight, hubWeight.min, hubWeight.max)) return { kind: 'invalidWeight', weight };
  if (capacity !== undefined && capacity !== null && !isWithin(capacity, 0, hubCapacityMax)) {
    return { kind: 'invalidCapacity', capacity };
  }
  if (region !== undefined && region !== null && (region === '' || region.length > regionLengthMax)) {
    return { kind: 'invalidRegion', region };
  }
  return faultInLabels(labels, labelsMax.hub);
}

function isWithin(value: number, min: number, max: number): boolean {
  return Number.isInteger(value) && value >= min && value <= max;
}
