import { describe, expect, it } from '@jest/globals';
import type { Offsets } from 'kafkajs';
import { Gate } from '../registration-log.contract.js';
import { CommitQueue } from './commit-queue.js';

const ours = () => false;
const refusal = (type: string) =>
  Object.assign(new Error(type), { name: 'KafkaJSProtocolError', type, retriable: false });

/** A coordinator that notes what it was asked, and answers as the test wants. */
function open(answer: () => Promise<void> = async () => undefined) {
  const requests: string[] = [];
  const queue = new CommitQueue('t', async (offsets: Offsets) => {
    const partitions = offsets.topics.flatMap((topic) => topic.partitions);
    requests.push(partitions.map(({ partition, offset }) => `${partition}@${offset}`).join());
    await answer();
  });
  return { queue, requests };
}

describe('committing to Kafka', () => {
  it('gathers what comes while a request is under way, the largest offset of each partition', async () => {
    const gate = new Gate();
    const { queue, requests } = open(() => gate.opened);
    const first = queue.commit(0, 1, ours);
    const more = [
      queue.commit(1, 5, ours),
      queue.commit(2, 7, ours),
      queue.commit(1, 6, ours),
      queue.commit(1, 4, ours),
    ];
    gate.open();
    await Promise.all([first, ...more]);
    expect(requests).toEqual(['0@1', '1@6,2@7']);
  });

  it('does not send what has become stale while it waited', async () => {
    const gate = new Gate();
    const { queue, requests } = open(() => gate.opened);
    let stale = false;
    const first = queue.commit(0, 1, ours);
    const late = queue.commit(1, 5, () => stale);
    stale = true;
    gate.open();
    await first;
    await expect(late).rejects.toMatchObject({ code: 'stale-batch', retriable: true });
    expect(requests).toEqual(['0@1']);
  });

  it('tries again while the group changes hands, until it works or the partition is gone', async () => {
    let refusals = 2;
    const { queue, requests } = open(async () => {
      refusals -= 1;
      if (refusals >= 0) throw refusal('REBALANCE_IN_PROGRESS');
    });
    await queue.commit(0, 1, ours);
    expect(requests).toHaveLength(3);

    let attempts = 0;
    const { queue: gone } = open(async () => {
      throw refusal('UNKNOWN_MEMBER_ID');
    });
    await expect(gone.commit(0, 1, () => (attempts += 1) > 4)).rejects.toMatchObject({ code: 'stale-batch' });
  });

  it('gives up at once on what asking again won’t change', async () => {
    const { queue, requests } = open(async () => {
      throw refusal('GROUP_AUTHORIZATION_FAILED');
    });
    await expect(queue.commit(0, 1, ours)).rejects.toMatchObject({ code: 'refused', retriable: false });
    expect(requests).toHaveLength(1);
  });
});
