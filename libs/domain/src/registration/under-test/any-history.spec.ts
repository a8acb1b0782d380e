import { expect, it } from '@jest/globals';
import fc from 'fast-check';
import { anyHistory, play } from './any-history.js';

const refusals: readonly RegExp[] = [
  /^the enrollment does not trust source/,
  /^the enrollment wants \w+ attestation/,
  /^TPM attestation is not supported/,
  /^the token is not a shared access signature/,
  /^the token is for another resource/,
  /^the token's skn is not/,
  /^the token expired/,
  /^the token's signature matches neither key of the enrollment/,
  /no group's key signed its token$/,
  /^the device's certificate is neither of the enrollment's/,
  /^the device's certificate has the common name 'd[68]', which is not the registration id/,
  /^the chain is empty/,
  /is no X.509 certificate/,
  /expired at 2025/,
  /was not issued by/,
  /^the chain does not reach a verified CA certificate/,
  /^no enrollment group goes by an issuer/,
  /^there is no enrollment for registration id '\w+'$/,
  /^the enrollment '\w+' is disabled/,
  /^the enrollment '\w+' is not valid before/,
  /^the enrollment '\w+' was valid until/,
  /^the enrollment '\w+' is for a single use/,
  /^the enrollment group '\w+' is disabled/,
  /^the enrollment group '\w+' is not valid before/,
  /^the enrollment group '\w+' was valid until/,
  /^the enrollment group '\w+' is for a single use/,
  /^no hub can take the device/,
  /^the webhook/,
];

it('a random history has devices come in, and be refused, for whatever reason', () => {
  const waysIn = new Set<string>();
  const reasons = new Set<string>();
  for (const steps of fc.sample(anyHistory, { numRuns: 500, seed: 1 })) {
    const world = play(steps);
    const proofs = new Map(world.wishes.flat().map(({ offset, attestation }) => [offset, attestation.type]));
    for (const outcome of world.pages.flatMap(({ outcomes }) => outcomes)) {
      const { offset, enrollmentGroup = 'an enrollment of its own' } = outcome;
      if (outcome.type === 'RegistrationRejected') reasons.add(outcome.reason);
      else waysIn.add(`${proofs.get(offset)} through ${enrollmentGroup}`);
    }
  }
  expect([...waysIn].sort()).toEqual([
    'gateway through an enrollment of its own',
    'symmetricKey through Keys',
    'symmetricKey through an enrollment of its own',
    'x509 through All',
    'x509 through Line',
    'x509 through an enrollment of its own',
  ]);
  expect(refusals.filter((refusal) => ![...reasons].some((reason) => refusal.test(reason)))).toEqual([]);
});
