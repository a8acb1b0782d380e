/**
 * Who is to own each partition: shares differ by one at most, and as few partitions as possible change hands.
 * `undefined` stands for nobody, which happens only when there are no members.
 */
export function shareOut<M>(owners: readonly (M | undefined)[], members: readonly M[]): (M | undefined)[] {
  if (members.length === 0) return owners.map(() => undefined);
  const held = new Map(members.map((member) => [member, owners.filter((owner) => owner === member).length]));
  // Those who hold most keep the larger shares, so that an odd partition does not move for nothing.
  const byHolding = [...members].sort((one, other) => held.get(other)! - held.get(one)!);
  const least = Math.floor(owners.length / members.length);
  const larger = owners.length % members.length;
  const room = new Map(byHolding.map((member, at) => [member, least + (at < larger ? 1 : 0)]));
  const takeRoom = (member: M | undefined): boolean => {
    const left = member === undefined ? 0 : (room.get(member) ?? 0);
    if (member === undefined || left === 0) return false;
    room.set(member, left - 1);
    return true;
  };
  const kept = owners.map((owner) => (takeRoom(owner) ? owner : undefined));
  return kept.map((owner) => owner ?? byHolding.find((member) => takeRoom(member)));
}
