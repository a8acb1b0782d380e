import type { GroupMember, Leaving } from '../consuming/group-member.js';
import { shareOut } from '../consuming/share-out.js';

/** Shares the partitions of a topic among the consumers of one group in this process. */
export class ConsumerGroup {
  private readonly owners: (GroupMember | undefined)[];
  private members: GroupMember[] = [];
  /** Changes of the group happen one after another. */
  private lastChange: Promise<void> = Promise.resolve();

  constructor(partitions: number) {
    this.owners = new Array<GroupMember | undefined>(partitions).fill(undefined);
  }

  wake(partition: number): void {
    this.owners[partition]?.wake(partition);
  }

  join(member: GroupMember): void {
    this.members.push(member);
    void this.change();
  }

  /** Resolves when the member's partitions have been released. */
  async leave(member: GroupMember, how: Leaving): Promise<void> {
    member.leave(how);
    this.members = this.members.filter((other) => other !== member);
    await this.change();
  }

  private change(): Promise<void> {
    this.lastChange = this.lastChange.then(() => this.rebalance());
    return this.lastChange;
  }

  private async rebalance(): Promise<void> {
    const target = shareOut(this.owners, this.members);
    const moving = target.flatMap((owner, partition) => (owner === this.owners[partition] ? [] : [partition]));
    const releases = groupByMember(moving, this.owners);
    await Promise.all([...releases].map(([member, partitions]) => member.release(partitions, 'gently')));
    for (const partition of moving) this.owners[partition] = target[partition];
    for (const [member, partitions] of groupByMember(moving, target)) member.take(partitions);
  }
}

function groupByMember(
  partitions: readonly number[],
  owners: readonly (GroupMember | undefined)[],
): Map<GroupMember, number[]> {
  const byMember = new Map<GroupMember, number[]>();
  for (const partition of partitions) {
    const owner = owners[partition];
    if (!owner) continue;
    const own = byMember.get(owner);
    if (own) own.push(partition);
    else byMember.set(owner, [partition]);
  }
  return byMember;
}
