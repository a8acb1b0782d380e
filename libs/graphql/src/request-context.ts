import { type Origin } from '@berth/control';
import { type HubLoadRow } from '@berth/read-model';

/** What resolvers know about the request they serve. */
export class RequestContext {
  /** Position that the read model shows at least, in everything this request reads; null before the first event. */
  shown: bigint | null = null;
  /** Loads of all hubs by key, read once a query however many hubs it shows. */
  hubLoads: Promise<ReadonlyMap<string, HubLoadRow>> | null = null;

  /** Fields at the top of the operation, once it is known. */
  rootFields: readonly string[] = [];

  constructor(
    readonly origin: Origin,
    /** Position that a query wants to see; null is as it stands. */
    readonly minPosition: bigint | null,
  ) {}
}
