import {
  evolveRegionLatencies,
  isRegionName,
  noRegionLatencies,
  type RegionLatencies,
  type RegionLatenciesSet,
  type RegionRejection,
  regionHubsMax,
  regionsMax,
  setRegionLatencies,
} from '@berth/domain';
import { EventStore, streams, transact, type Transacted } from '@berth/event-store';
import { Clock } from '@berth/platform';
import { ReadModel } from '@berth/read-model';
import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { linkedAmong } from '../hub/hub-record.js';
import { metadataOf, type Origin } from '../origin.js';
import { ownWritesShown } from '../own-writes.js';
import { refusalWithoutStream } from '../record.js';

export type RegionOutcome = Transacted<RegionLatencies, RegionRejection>;

/** Replaces what is known of how far hubs are from a region; without any hub the region is forgotten. */
export class SetRegionLatencies extends Command<RegionOutcome> {
  constructor(
    readonly data: RegionLatencies,
    readonly origin: Origin,
    /** Revision the caller saw; undefined changes whatever is there. */
    readonly expectedVersion?: number,
  ) {
    super();
  }
}

const decider = { initial: noRegionLatencies, evolve: evolveRegionLatencies };

@CommandHandler(SetRegionLatencies)
export class SetRegionLatenciesHandler implements ICommandHandler<SetRegionLatencies> {
  constructor(
    private readonly store: EventStore,
    private readonly readModel: ReadModel,
    private readonly clock: Clock,
  ) {}

  /** @throws ReadModelLagging (retriable) when nobody can tell how many regions there are. */
  async execute({ data, origin, expectedVersion }: SetRegionLatencies): Promise<RegionOutcome> {
    const { region, latencies } = data;
    const named = latencies.length > regionHubsMax ? [] : latencies.map(({ hub }) => hub);
    const linked = await linkedAmong(this.store, named);
    if (!isRegionName(region)) {
      const limit = { count: 0, max: regionsMax };
      return refusalWithoutStream(setRegionLatencies(data, noRegionLatencies, { linked, limit }));
    }
    await ownWritesShown(this.store, this.readModel, 'how many regions there are');
    const surroundings = { linked, limit: { count: await this.readModel.regionCount(), max: regionsMax } };
    return transact<RegionLatencies, RegionLatenciesSet, RegionRejection>(
      this.store,
      streams.regionLatencies(region),
      decider,
      (before) => setRegionLatencies(data, before, surroundings),
      { metadata: metadataOf(origin, this.clock), expectedVersion },
    );
  }
}
