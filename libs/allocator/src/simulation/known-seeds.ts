/**
 * Worlds that once broke an invariant. A seed says what happens only as long as the simulation draws the same numbers in the
 * same order, so each of these bugs has a spec of its own besides (allocator.spec.ts).
 */
export const knownSeeds: readonly { seed: number; was: string }[] = [
  {
    seed: 488,
    was: 'a claim came through after its allocator had said that claiming failed, and kept a partition that others had by then',
  },
  {
    seed: 1524,
    was: 'a batch that outlived the hand-over of its partition threw away the ledger that was claimed since, and its loads with it',
  },
  {
    seed: 20262135,
    was: 'a note of the configuration was refused, and the next page was appended behind the claim that was the reason',
  },
];
