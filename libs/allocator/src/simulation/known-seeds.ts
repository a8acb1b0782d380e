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
  {
    seed: 20263361,
    was: 'a message that changed nothing was answered again with the payload that a webhook had given an earlier one',
  },
  {
    seed: 20269065,
    was: 'a gateway took a report back, and that was held to be no news by an allocator whose view had not met the report yet',
  },
];
