import { accepted, type Decision, rejected } from '../decision.js';
import { hubKey, isHubName } from '../hub/hub-name.js';
import { type CustomAllocation, type CustomAllocationRejection, faultInCustomAllocation } from './custom-allocation.js';

/** How a hub is chosen. One file each in `allocation/`. */
export type AllocationPolicyKind = 'evenlyWeighted' | 'lowestLatency' | 'static' | 'custom';

/** The default policy; enrollments that name none inherit it. */
export type AllocationPolicy =
  | { kind: 'evenlyWeighted' }
  | { kind: 'lowestLatency' }
  /** Hubs in order of preference, never empty. */
  | { kind: 'static'; hubs: readonly string[] }
  /** Its fallback is no static one: the default policy has no list to go by then. */
  | { kind: 'custom'; custom: CustomAllocation };

/** Stream `policy-default`. */
export type PolicyEvent = { type: 'AllocationPolicyChosen'; v: 1; data: { policy: AllocationPolicy } };

/** What holds before anybody chose: the reference service's default too. */
export const initialPolicy: AllocationPolicy = { kind: 'evenlyWeighted' };

export type PolicyRejection =
  | { kind: 'staticNeedsHubs' }
  | { kind: 'tooManyHubs'; max: number }
  | { kind: 'hubsOnlyForStatic' }
  | { kind: 'customOnlyForCustom' }
  | { kind: 'customNeedsWebhook' }
  | CustomAllocationRejection
  | { kind: 'hubNotLinked'; name: string; index: number }
  | { kind: 'hubNamedTwice'; name: string; index: number };

/** Most hubs a static list names. */
export const staticHubsMax = 1000;

export function evolvePolicy(_policy: AllocationPolicy, event: PolicyEvent): AllocationPolicy {
  return event.data.policy;
}

/**
 * @param linked keys (lower case) of the hubs linked at the moment of choosing.
 * @param webhookHosts hosts that webhooks may be on.
 */
export function choosePolicy(
  command: { policy: AllocationPolicy },
  policy: AllocationPolicy,
  { linked, webhookHosts }: { linked: ReadonlySet<string>; webhookHosts: ReadonlySet<string> },
): Decision<PolicyEvent, PolicyRejection> {
  if (command.policy.kind === 'static') {
    const fault = faultInHubList(command.policy.hubs, linked);
    if (fault) return rejected(fault);
    if (command.policy.hubs.length === 0) return rejected({ kind: 'staticNeedsHubs' });
  }
  if (command.policy.kind === 'custom') {
    const fault = faultInCustomAllocation(command.policy.custom, webhookHosts);
    if (fault) return rejected(fault);
    if (command.policy.custom.fallback === 'static') return rejected({ kind: 'staticNeedsHubs' });
  }
  if (JSON.stringify(command.policy) === JSON.stringify(policy)) return accepted();
  return accepted({ type: 'AllocationPolicyChosen', v: 1, data: { policy: command.policy } });
}

/** The first hub in the list that isn't linked or stands in it twice. */
export function faultInHubList(
  hubs: readonly string[],
  linked: ReadonlySet<string>,
): Extract<PolicyRejection, { kind: 'hubNotLinked' | 'hubNamedTwice' | 'tooManyHubs' }> | null {
  if (hubs.length > staticHubsMax) return { kind: 'tooManyHubs', max: staticHubsMax };
  const seen = new Set<string>();
  for (const [index, name] of hubs.entries()) {
    const key = hubKey(name);
    if (!isHubName(name) || !linked.has(key)) return { kind: 'hubNotLinked', name, index };
    if (seen.has(key)) return { kind: 'hubNamedTwice', name, index };
    seen.add(key);
  }
  return null;
}
