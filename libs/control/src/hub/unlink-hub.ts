import { type HubReferences, isHubName, unlinkHub } from '@berth/domain';
import { configurationPrefixes, EventStore, projectedPrefixes } from '@berth/event-store';
import { Clock } from '@berth/platform';
import { ReadModel } from '@berth/read-model';
import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { metadataOf, type Origin } from '../origin.js';
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

/** What of the configuration a read model shows: it never comes to the position of a data key. */
const shownPrefixes = configurationPrefixes.filter((prefix) => projectedPrefixes.includes(prefix));
/** How long a command waits until the read model shows what this process has recorded. */
const readModelWaitMs = 2_000;

/** Nobody can tell in time who names the hub. */
export class ReferencesUnknown extends Error {
  readonly code = 'PROJECTION_LAGGING';
  readonly retriable = true;
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
   * @throws ReferencesUnknown (retriable) when the read model lags behind.
   */
  async execute({ name, origin, force }: UnlinkHub): Promise<HubOutcome> {
    const references = force || !isHubName(name) ? null : await this.referencesOf(name);
    const metadata = metadataOf(origin, this.clock);
    return transactHub(this.store, name, (hub) => unlinkHub({ name, references }, hub), { metadata });
  }

  private async referencesOf(name: string): Promise<HubReferences> {
    const recorded = this.store.newestAppended(shownPrefixes);
    if (recorded !== null && !(await this.readModel.reached(recorded, readModelWaitMs))) {
      throw new ReferencesUnknown(`The read model does not show yet who names hub '${name}'`);
    }
    return this.readModel.hubReferences(name);
  }
}
