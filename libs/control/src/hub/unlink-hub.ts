import { type HubReferences, isHubName, unlinkHub } from '@berth/domain';
import { EventStore } from '@berth/event-store';
import { Clock } from '@berth/platform';
import { ReadModel } from '@berth/read-model';
import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { metadataOf, type Origin } from '../origin.js';
import { ownWritesShown } from '../own-writes.js';
import { type HubOutcome, transactHub } from './hub-record.js';

/** The hub is no candidate any more, and the key that opens its connection string is destroyed. */
export class UnlinkHub extends Command<HubOutcome> {
  constructor(
    readonly name: string,
    readonly origin: Origin,
    /** Unlinks it also when the default policy or enrollments name it. */
    readonly force = false,
  ) {
    super();
  }
}

@CommandHandler(UnlinkHub)
export class UnlinkHubHandler implements ICommandHandler<UnlinkHub> {
  constructor(
    private readonly store: EventStore,
    private readonly readModel: ReadModel,
    private readonly clock: Clock,
  ) {}

  /**
   * The references are those of the read model once it shows everything this process has recorded. One made elsewhere at
   * the same moment may be missed: its devices are then refused, with the hub that isn't linked as the reason.
   * @throws ReadModelLagging (retriable) when the read model lags behind.
   */
  async execute({ name, origin, force }: UnlinkHub): Promise<HubOutcome> {
    const references = force || !isHubName(name) ? null : await this.referencesOf(name);
    const metadata = metadataOf(origin, this.clock);
    return transactHub(this.store, name, (hub) => unlinkHub({ name, references }, hub), { metadata });
  }

  private async referencesOf(name: string): Promise<HubReferences> {
    await ownWritesShown(this.store, this.readModel, `who names hub '${name}'`);
    return this.readModel.hubReferences(name);
  }
}
