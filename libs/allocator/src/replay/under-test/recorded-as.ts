/**
 * SHA-256 of each recorded ledger, written by hand. A line is added with a new build of the algorithm or a new ledger, and
 * never changed: what decides otherwise is another build.
 */
export const recordedAs: Readonly<Record<string, string>> = {
  'handovers.build-2.json': '387a982253dcf1d568b9c122ab2c6773a7f8f7edc94bf177a812c370bf22c17e',
  'scripted.build-2.json': 'f6bb0f4626e0d1998c1e1a9499d8655ca49642c0f0ebeff9cbb73d670f05adef',
  'handovers.build-3.json': '2ca898d1f72a0a96b768ac85648e73f6f881d039413d9e11c6d5c685bd22be06',
  'scripted.build-3.json': 'f8e28fe12a73c1c86524686538b543eb9ae2cd1a71ffc0b179ad0f59b8097599',
  'handovers.build-4.json': '2261e06d19694f1ee71868a3a71c68733f295ec753ee3ce161854c991cd9aceb',
  'scripted.build-4.json': 'a45243e29c4f8b0ea4e177a209e2b39f4d7d29bf433e0ed38baf534d10993156',
  'webhooks.build-4.json': '20a1959e8639c3bf561c9c2153827177bb8d6c74c4ebfef00961f70210ab8c6e',
  'handovers.build-5.json': '94b8fd93c42a016685f0672f71cece6824846ac7f300297bf15694eb6df95e0a',
  'scripted.build-5.json': '53b17b8d56f19cf6a09a267822d10f1f396cd5b8c51bcc842ba5362c04b4cfd6',
  'webhooks.build-5.json': 'aaa703d303c04733484f2bc9738d604c11e45da74206b9c1b523171c358a477b',
  'handovers.build-6.json': '2d43c227126d419f0952756d387073a47b575240f556014db9baf3e7512281cb',
  'scripted.build-6.json': 'f7c3122ac8bd6ef4b2ef51b1ddb78fb0d1424d22ffe77637b865e0c40bfc5dce',
  'webhooks.build-6.json': '414c7ebe37119b739c960c8b41fd7013051355c9ccef40203245fdbb79f8666d',
  'handovers.build-7.json': 'c2b225bbfaaafd80e5c067c8cd2e58e95c5e6bf81c2b5768427a1eb8753bf83b',
  'scripted.build-7.json': '9379a3e15d3a91944403301934d9ba8c45b0ae410660949f5d242136399994a2',
  'webhooks.build-7.json': '94243b0dc4991b79bf28c3ddd25934695bb717a4d3ed05ea4628aa6496aa526c',
  'handovers.build-8.json': 'aca0533de363801bf1f85182840ee1cc7cdee04d7413a7e967c2eb4b0f3a6148',
  'scripted.build-8.json': 'cf1d5587fe25c343631fcd6865277a8651a6dbfcd8f9c1f44415985a76bb822c',
  'webhooks.build-8.json': 'c0a0caeaea797b2b2405a25d440e6ef9a9e32b909bf31c125ae23676ba58f198',
};
