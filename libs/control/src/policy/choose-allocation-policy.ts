import {
  type AllocationPolicy,
  type AllocationPolicyKind,
  choosePolicy,
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

export type PolicyOutcome = Transacted<AllocationPolicy, PolicyRejection>;

/** Chooses the default policy; `hubs` is the order of preference of `static` and empty for others. */
export class ChooseAllocationPolicy extends Command<PolicyOutcome> {
  constructor(
    readonly data: { kind: AllocationPolicyKind; hubs: readonly string[] },
    readonly origin: Origin,
  ) {
    super();
  }
}

@CommandHandler(ChooseAllocationPolicy)
export class ChooseAllocationPolicyHandler implements ICommandHandler<ChooseAllocationPolicy> {
  constructor(
    private readonly store: EventStore,
    private readonly clock: Clock,
  ) {}

  async execute({ data: { kind, hubs }, origin }: ChooseAllocationPolicy): Promise<PolicyOutcome> {
    const linked = kind === 'static' ? await linkedAmong(this.store, hubs) : new Set<string>();
    const policy: AllocationPolicy = kind === 'static' ? { kind, hubs } : { kind };
    const isMisplaced = kind !== 'static' && hubs.length > 0;
    return transact<AllocationPolicy, PolicyEvent, PolicyRejection>(
      this.store,
      streams.policy,
      { initial: initialPolicy, evolve: evolvePolicy },
      (chosen) => (isMisplaced ? rejected({ kind: 'hubsOnlyForStatic' }) : choosePolicy({ policy }, chosen, linked)),
      { metadata: metadataOf(origin, this.clock) },
    );
  }
}
