import { type Assigner, AssignerProtocol, type Cluster } from 'kafkajs';
import { shareOut } from '../consuming/share-out.js';

/**
 * Shares a topic's partitions as the embedded log does, so that whoever has a partition keeps it if it can: to begin a partition
 * means to read its whole ledger. kafkajs brings round robin only, which deals all of them anew on every change.
 *
 * Each member says with its wish to join which partitions it has (`owned`), as JSON in the protocol's user data.
 */
export function stickyAssigner(cluster: Pick<Cluster, 'findTopicPartitionMetadata'>, owned: () => number[]): Assigner {
  const name = 'berth-sticky';
  const version = 0;
  return {
    name,
    version,
    protocol: ({ topics }) => {
      const userData = Buffer.from(JSON.stringify({ owned: owned() }));
      return { name, metadata: AssignerProtocol.MemberMetadata.encode({ version, topics, userData }) };
    },
    assign: async ({ members, topics }) => {
      const memberIds = members.map(({ memberId }) => memberId).sort();
      const claims = new Map(members.map(({ memberId, memberMetadata }) => [memberId, claimsOf(memberMetadata)]));
      const assignments = new Map(memberIds.map((memberId) => [memberId, {} as Record<string, number[]>]));
      for (const topic of topics) {
        const partitions = cluster.findTopicPartitionMetadata(topic).map(({ partitionId }) => partitionId);
        const owners = new Array<string | undefined>(Math.max(-1, ...partitions) + 1).fill(undefined);
        for (const memberId of memberIds) {
          for (const partition of claims.get(memberId)!) {
            if (partition < owners.length) owners[partition] ??= memberId;
          }
        }
        for (const [partition, memberId] of shareOut(owners, memberIds).entries()) {
          if (memberId !== undefined) (assignments.get(memberId)![topic] ??= []).push(partition);
        }
      }
      return [...assignments].map(([memberId, assignment]) => {
        const userData = Buffer.alloc(0);
        return {
          memberId,
          memberAssignment: AssignerProtocol.MemberAssignment.encode({ version, assignment, userData }),
        };
      });
    },
  };
}

/** Another member's words: anything unexpected counts as no claim. */
function claimsOf(metadata: Buffer): number[] {
  try {
    const { userData } = AssignerProtocol.MemberMetadata.decode(metadata) ?? {};
    const said: unknown = JSON.parse(userData?.toString('utf8') ?? 'null');
    if (typeof said !== 'object' || said === null || !('owned' in said) || !Array.isArray(said.owned)) return [];
    return said.owned.filter((partition): partition is number => Number.isInteger(partition) && partition >= 0);
  } catch {
    return [];
  }
}
