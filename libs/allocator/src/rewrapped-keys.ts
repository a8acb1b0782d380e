import { type Configuration, type DataKeyEvent, foreknowDataKey } from '@berth/domain';
import { dataKeyPrefix, type EventStreams } from '@berth/event-store';

/**
 * For whoever reads the configuration from its first event: after a rotation of the master key the only wrap of a data key that still
 * opens stands behind the record that it is for.
 */
export async function foreknowRewrapped(store: EventStreams, configuration: Configuration): Promise<void> {
  const following = store.follow<DataKeyEvent>({
    prefixes: [dataKeyPrefix],
    after: null,
    handle: (events) => {
      for (const { event } of events) foreknowDataKey(configuration, event);
    },
  });
  await Promise.race([following.caughtUp, following.failed]);
  await following.stop();
}
