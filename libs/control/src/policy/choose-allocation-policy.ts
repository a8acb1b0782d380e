import {
  type AllocationPolicy,
  type AllocationPolicyKind,
  choosePolicy,
  type CustomAllocation,
  evolvePolicy,
  initialPolicy,
  type PolicyEvent,
  type PolicyRejection,
  rejected,
} from '@berth/domain';
import { EventStore, streams, transact, type Transacted } from '@berth/event-store';
import { Clock } from '@berth/platform';
import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { linkedAmong } from '../hub/hub-record.js';
import { metadataOf, type Origin } from '../origin.js';
import { WebhookHosts } from '../webhook-hosts.js';

export type PolicyOutcome = Transacted<AllocationPolicy, PolicyRejection>;

/** Chooses the default policy; `hubs` is the order of preference of `static` and empty for others, `custom` is of `custom` alone. */
export class ChooseAllocationPolicy extends Command<PolicyOutcome> {
  constructor(
    readonly data: { kind: AllocationPolicyKind; hubs: readonly string[]; custom?: CustomAllocation | null },
    readonly origin: Origin,
  ) {
    super();
  }
}

@CommandHandler(ChooseAllocationPolicy)
export class ChooseAllocationPolicyHandler implements ICommandHandler<ChooseAllocationPolicy> {
  constructor(
    private readonly store: EventStore,
    private readonly webhooks: WebhookHosts,
    private readonly clock: Clock,
  ) {}

  async execute({ data, origin }: ChooseAllocationPolicy): Promise<PolicyOutcome> {
    const linked = data.kind === 'static' ? await linkedAmong(this.store, data.hubs) : new Set<string>();
    const surroundings = { linked, webhookHosts: this.webhooks.hosts };
    const policy = policyOf(data);
    return transact<AllocationPolicy, PolicyEvent, PolicyRejection>(
      this.store,
      streams.policy,
      { initial: initialPolicy, evolve: evolvePolicy },
      (chosen) => ('misfit' in policy ? rejected(policy.misfit) : choosePolicy({ policy }, chosen, surroundings)),
      { metadata: metadataOf(origin, this.clock) },
    );
  }
}

function policyOf({
  kind,
  hubs,
  custom = null,
}: ChooseAllocationPolicy['data']): AllocationPolicy | { misfit: PolicyRejection } {
  if (kind !== 'static' && hubs.length > 0) return { misfit: { kind: 'hubsOnlyForStatic' } };
  if (kind !== 'custom' && custom) return { misfit: { kind: 'customOnlyForCustom' } };
  if (kind === 'static') return { kind, hubs };
  if (kind !== 'custom') return { kind };
  return custom ? { kind, custom } : { misfit: { kind: 'customNeedsWebhook' } };
}
