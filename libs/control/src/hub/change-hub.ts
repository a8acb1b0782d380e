import { changeHub, type ChangeHub as ChangeHubData, cordonHub, drainHub, uncordonHub } from '@berth/domain';
import { EventStore } from '@berth/event-store';
import { Clock } from '@berth/platform';
import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { metadataOf, type Origin } from '../origin.js';
import { type HubOutcome, transactHub } from './hub-record.js';

/** Changes weight, capacity or region of a linked hub. */
export class ChangeHub extends Command<HubOutcome> {
  constructor(
    readonly data: ChangeHubData,
    readonly origin: Origin,
    /** Revision the caller saw; undefined changes whatever is there. */
    readonly expectedVersion?: number,
  ) {
    super();
  }
}

/** The hub keeps its devices and takes no new ones. */
export class CordonHub extends Command<HubOutcome> {
  constructor(
    readonly name: string,
    readonly origin: Origin,
  ) {
    super();
  }
}

/** The hub takes no new devices and gives those it has away as they register again. */
export class DrainHub extends Command<HubOutcome> {
  constructor(
    readonly name: string,
    readonly origin: Origin,
  ) {
    super();
  }
}

/** The hub takes devices again, whether it was cordoned or draining. */
export class UncordonHub extends Command<HubOutcome> {
  constructor(
    readonly name: string,
    readonly origin: Origin,
  ) {
    super();
  }
}

@CommandHandler(ChangeHub)
export class ChangeHubHandler implements ICommandHandler<ChangeHub> {
  constructor(
    private readonly store: EventStore,
    private readonly clock: Clock,
  ) {}

  execute({ data, origin, expectedVersion }: ChangeHub): Promise<HubOutcome> {
    const metadata = metadataOf(origin, this.clock);
    return transactHub(this.store, data.name, (hub) => changeHub(data, hub), { metadata, expectedVersion });
  }
}

@CommandHandler(CordonHub)
export class CordonHubHandler implements ICommandHandler<CordonHub> {
  constructor(
    private readonly store: EventStore,
    private readonly clock: Clock,
  ) {}

  execute({ name, origin }: CordonHub): Promise<HubOutcome> {
    const metadata = metadataOf(origin, this.clock);
    return transactHub(this.store, name, (hub) => cordonHub({ name }, hub), { metadata });
  }
}

@CommandHandler(DrainHub)
export class DrainHubHandler implements ICommandHandler<DrainHub> {
  constructor(
    private readonly store: EventStore,
    private readonly clock: Clock,
  ) {}

  execute({ name, origin }: DrainHub): Promise<HubOutcome> {
    const metadata = metadataOf(origin, this.clock);
    return transactHub(this.store, name, (hub) => drainHub({ name }, hub), { metadata });
  }
}

@CommandHandler(UncordonHub)
export class UncordonHubHandler implements ICommandHandler<UncordonHub> {
  constructor(
    private readonly store: EventStore,
    private readonly clock: Clock,
  ) {}

  execute({ name, origin }: UncordonHub): Promise<HubOutcome> {
    const metadata = metadataOf(origin, this.clock);
    return transactHub(this.store, name, (hub) => uncordonHub({ name }, hub), { metadata });
  }
}
