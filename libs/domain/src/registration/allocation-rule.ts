import { type AllocationRule } from '../allocation/allocate.js';
import { hubKey } from '../hub/hub-name.js';
import { type CustomAllocation, maskedUrl } from '../policy/custom-allocation.js';
import { type Configuration } from './configuration.js';
import { type EnrollmentTerms } from './enrollment-table.js';

/** The rule under an enrollment's terms: its own policy and list, else the default ones, as they stand now. */
export function allocationRule(terms: EnrollmentTerms, { policy: byDefault }: Configuration): AllocationRule {
  const { updateHubAssignment } = terms.reprovision;
  const own = terms.hubs.length > 0 ? terms.hubs : null;
  const required = terms.require && { require: terms.require };
  if (terms.policy !== null) {
    const rule: AllocationRule = {
      policy: terms.policy,
      source: 'enrollment',
      hubs: own,
      ...required,
      updateHubAssignment,
    };
    return terms.policy === 'custom' ? { ...rule, custom: shown(terms.custom ?? nobody) } : rule;
  }
  if (byDefault.kind === 'custom') {
    const custom = shown(byDefault.custom);
    return { policy: 'custom', source: 'default', hubs: own, ...required, updateHubAssignment, custom };
  }
  if (byDefault.kind !== 'static') {
    return { policy: byDefault.kind, source: 'default', hubs: own, ...required, updateHubAssignment };
  }
  const allowed = own && new Set(own.map(hubKey));
  const hubs = allowed ? byDefault.hubs.filter((hub) => allowed.has(hubKey(hub))) : byDefault.hubs;
  return { policy: 'static', source: 'default', hubs, ...required, updateHubAssignment };
}

/** A webhook that nobody named: no command lets such terms through. */
const nobody: CustomAllocation = { webhookUrl: '', apiVersion: '', fallback: null, deadlineMs: 0 };

/** Whom to ask under terms by `custom`, their own or inherited. */
export function customOf(terms: EnrollmentTerms, { policy: byDefault }: Configuration): CustomAllocation {
  if (terms.policy !== null) return terms.custom ?? nobody;
  return byDefault.kind === 'custom' ? byDefault.custom : nobody;
}

function shown({ webhookUrl, fallback }: CustomAllocation): NonNullable<AllocationRule['custom']> {
  return { webhookUrl: maskedUrl(webhookUrl), fallback };
}
