import { describe, expect, it } from '@jest/globals';
import { AssignerProtocol, PartitionAssigners } from 'kafkajs';
import { stickyAssigner } from './sticky-assigner.js';

const partition = (partitionId: number) => ({
  partitionErrorCode: 0,
  partitionId,
  leader: 1,
  replicas: [1],
  isr: [1],
});
/** Topics with so many partitions. Their metadata need not come in order. */
const clusterOf = (topics: Record<string, number>) => ({
  findTopicPartitionMetadata: (topic: string) =>
    Array.from({ length: topics[topic] ?? 0 }, (_, id) => partition(id)).reverse(),
});

async function assign(owned: Record<string, number[]>, partitions = 8) {
  const cluster = clusterOf({ t: partitions });
  const members = Object.entries(owned).map(([memberId, has]) => {
    const { metadata } = stickyAssigner(cluster, () => has).protocol({ topics: ['t'] });
    return { memberId, memberMetadata: metadata };
  });
  const assigned = await stickyAssigner(cluster, () => []).assign({ members, topics: ['t'] });
  return Object.fromEntries(
    assigned.map(({ memberId, memberAssignment }) => {
      const decoded = AssignerProtocol.MemberAssignment.decode(memberAssignment);
      return [memberId, decoded?.assignment['t'] ?? []];
    }),
  );
}

describe('the sticky assigner', () => {
  it('deals evenly to a new group', async () => {
    const assigned = await assign({ a: [], b: [], c: [] });
    expect(Object.values(assigned).flat().sort()).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    expect(Object.values(assigned).map(({ length }) => length)).toEqual([3, 3, 2]);
  });

  it('moves no more than the newcomer is due', async () => {
    const assigned = await assign({ a: [0, 1, 2, 3, 4, 5, 6, 7], new: [] });
    expect(assigned).toEqual({ a: [0, 1, 2, 3], new: [4, 5, 6, 7] });
  });

  it('leaves everybody what they have when one is gone', async () => {
    const assigned = await assign({ a: [0, 5], b: [1, 2] }, 6);
    expect(assigned['a']).toEqual(expect.arrayContaining([0, 5]));
    expect(assigned['b']).toEqual(expect.arrayContaining([1, 2]));
  });

  it('gives a partition that two claim to one of them, and none that there is not', async () => {
    const assigned = await assign({ a: [0, 1, 99], b: [1, 0, -1] }, 2);
    expect(Object.values(assigned).flat().sort()).toEqual([0, 1]);
  });

  it('does not stumble over what another member says', async () => {
    const cluster = clusterOf({ t: 2 });
    const encode = (userData: Buffer) =>
      AssignerProtocol.MemberMetadata.encode({ version: 0, topics: ['t'], userData });
    const foreign = PartitionAssigners.roundRobin({
      cluster: cluster as never,
      groupId: 'g',
      logger: undefined as never,
    });
    const members = [
      { memberId: 'rubbish', memberMetadata: encode(Buffer.from('{')) },
      { memberId: 'null', memberMetadata: encode(Buffer.from('null')) },
      { memberId: 'odd', memberMetadata: encode(Buffer.from('{"owned":[0.5,"1",null]}')) },
      { memberId: 'none', memberMetadata: Buffer.alloc(0) },
      { memberId: 'foreign', memberMetadata: foreign.protocol({ topics: ['t'] }).metadata },
    ];
    const assigned = await stickyAssigner(cluster, () => []).assign({ members, topics: ['t'] });
    expect(assigned).toHaveLength(5);
  });
});
