import { type HubLinkData, linkHub } from '@berth/domain';
import { EventStore } from '@berth/event-store';
import { Clock } from '@berth/platform';
import { MasterKey } from '@berth/secrets';
import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { metadataOf, type Origin } from '../origin.js';
import { type HubOutcome, transactHub } from './hub-record.js';

export interface LinkHubData extends Omit<HubLinkData, 'connection'> {
  /** The hub's connection string, in the clear; null when Berth never calls the hub. */
  connection: string | null;
}

export class LinkHub extends Command<HubOutcome> {
  constructor(
    readonly data: LinkHubData,
    readonly origin: Origin,
  ) {
    super();
  }
}

@CommandHandler(LinkHub)
export class LinkHubHandler implements ICommandHandler<LinkHub> {
  constructor(
    private readonly store: EventStore,
    private readonly masterKey: MasterKey,
    private readonly clock: Clock,
  ) {}

  execute({ data, origin }: LinkHub): Promise<HubOutcome> {
    const dataKey = data.connection === null ? null : this.masterKey.newDataKey();
    const connection = dataKey && this.masterKey.seal(Buffer.from(data.connection ?? ''), dataKey.key);
    return transactHub(this.store, data.name, (hub) => linkHub({ ...data, connection }, hub), {
      metadata: metadataOf(origin, this.clock),
      dataKey: dataKey?.event,
    });
  }
}
