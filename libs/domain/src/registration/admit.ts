import { hmacSha256 } from '../attestation/hmac.js';
import { isSignedBy, type SasToken } from '../attestation/sas-token.js';
import { checkedToken, type Claim, verify, type VerifyContext } from '../attestation/verify.js';
import { type Certificate } from '../attestation/x509/certificate.js';
import { faultInLeaf, readChain } from '../attestation/x509/leaf.js';
import { faultInPath, nameOf } from '../attestation/x509/path.js';
import { type CertificateTable } from '../certificate/certificate-table.js';
import { faultInValidity } from '../enrollment/terms.js';
import { fingerprint } from '../packed/fingerprint.js';
import { type Configuration } from './configuration.js';
import { type Assignment } from './device-table.js';
import { type EnrollmentTerms } from './enrollment-table.js';
import { type EnrolledGroup, type GroupTable, type OpenGroupAttestation } from './group-table.js';
import { type RegistrationRejected } from './ledger.js';
import { registrationKey } from './registration-id.js';

/** An individual enrollment or a group, by name as the operator spelled it; both null: neither. */
export interface Entrance {
  enrollment: string | null;
  enrollmentGroup: string | null;
}

/** Through which enrollment or group a device comes in, and on which terms. */
export interface Admission extends Entrance {
  deviceId: string;
  terms: EnrollmentTerms;
}

/** Why a device doesn't come in, and where it tried to. */
export type NotAdmitted = Entrance & Pick<RegistrationRejected, 'status' | 'authenticated' | 'errorCode' | 'reason'>;

/** Who wants to come in, and by which request. */
export interface Applicant extends Claim {
  requestId: string;
}

/** What is remembered of a device that has a hub. */
export type Remembered = Pick<Assignment, 'enrollmentGroup' | 'request'>;

/** What is known of an attestation that can't be verified any more: the group that it led to, or why it failed. */
export type AttestationVerdict = Pick<Entrance, 'enrollmentGroup'> | NotAdmitted;

export interface AdmitContext extends VerifyContext {
  configuration: Configuration;
}

/**
 * Finds who vouches for a device and checks its proof. An individual enrollment comes before any group, in whatever state it is;
 * among groups a token's is found by trying, a chain's is the first one from the leaf upwards.
 * @param key of the registration id. @param remembered null for a device without a hub.
 * @param verdict when it is decided again: stands for the check of the proof.
 */
export function admit(
  claim: Applicant,
  key: string,
  remembered: Remembered | null,
  context: AdmitContext,
  verdict?: AttestationVerdict,
): Admission | NotAdmitted {
  if (verdict && 'reason' in verdict) return verdict;
  const enrolled = context.configuration.enrollments.get(key);
  if (!enrolled) return admitThroughGroup(claim, key, remembered, context, verdict);
  const { registrationId: enrollment, attestation, terms } = enrolled;
  const fault = verdict ? null : verify(claim, attestation, context);
  if (fault !== null) return unproven({ enrollment, enrollmentGroup: null }, fault);
  if (!terms.enabled) {
    const reason = `the enrollment '${enrollment}' is disabled`;
    return { enrollment, enrollmentGroup: null, status: 'disabled', authenticated: true, errorCode: null, reason };
  }
  const obstacle = obstacleIn(terms, claim, remembered, context.at);
  if (obstacle !== null) {
    return unwelcome({ enrollment, enrollmentGroup: null }, `the enrollment '${enrollment}' ${obstacle}`);
  }
  return { enrollment, enrollmentGroup: null, deviceId: enrolled.deviceId ?? enrollment, terms };
}

function admitThroughGroup(
  claim: Applicant,
  key: string,
  remembered: Remembered | null,
  context: AdmitContext,
  verdict: Pick<Entrance, 'enrollmentGroup'> | undefined,
): Admission | NotAdmitted {
  const known = verdict?.enrollmentGroup && context.configuration.groups.get(registrationKey(verdict.enrollmentGroup));
  const found = known || findGroup(claim, key, remembered, context);
  if ('reason' in found) return found;
  const { name, terms } = found;
  const entrance = { enrollment: null, enrollmentGroup: name };
  if (!terms.enabled) {
    const reason = `the enrollment group '${name}' is disabled`;
    return { ...entrance, status: 'disabled', authenticated: true, errorCode: 401002, reason };
  }
  const obstacle = obstacleIn(terms, claim, remembered, context.at);
  if (obstacle !== null) return unwelcome(entrance, `the enrollment group '${name}' ${obstacle}`);
  return { ...entrance, deviceId: claim.registrationId, terms };
}

/** Why terms that are enabled don't let the device in now. The message that was assigned may come again. */
function obstacleIn(
  { validity, singleUse }: EnrollmentTerms,
  { requestId }: Applicant,
  remembered: Remembered | null,
  at: number,
): string | null {
  if (singleUse && remembered && remembered.request !== fingerprint(requestId)) {
    return 'is for a single use, and the device has been assigned through it';
  }
  return faultInValidity(validity, at);
}

function findGroup(
  claim: Claim,
  key: string,
  remembered: Remembered | null,
  context: AdmitContext,
): EnrolledGroup | NotAdmitted {
  const { registrationId, attestation: proof } = claim;
  const nobody = { enrollment: null, enrollmentGroup: null };
  const unknown = {
    ...nobody,
    ...({ status: 'failed', authenticated: false, errorCode: 404201 } as const),
    reason: `there is no enrollment for registration id '${registrationId}'`,
  };
  if (proof.type === 'gateway') return unknown;
  if (proof.type === 'x509') return groupOfChain(proof.chain, claim, context);
  const { groups } = context.configuration;
  const { withKeys } = groups;
  if (withKeys.length === 0) return unknown;
  const token = checkedToken(proof.token, claim, context);
  if (typeof token === 'string') return unproven(nobody, token);
  const last = remembered?.enrollmentGroup;
  const first = last ? groups.get(registrationKey(last)) : undefined;
  const group = groupOfToken(token, [registrationId, key], first ? [first, ...withKeys] : withKeys);
  return group ?? { ...unknown, reason: `${unknown.reason}, and no group's key signed its token` };
}

/**
 * The first group with a key from which the key that signed the token derives. The recipes derive from the id as it is
 * spelled; the form in lower case is tried besides, for a device may register in another spelling than its key was made for.
 */
function groupOfToken(
  token: SasToken,
  spellings: readonly string[],
  groups: readonly EnrolledGroup[],
): EnrolledGroup | null {
  for (const spelling of new Set(spellings)) {
    const group = groups.find(({ attestation }) => derives(attestation, spelling, token));
    if (group) return group;
  }
  return null;
}

const derived = Buffer.alloc(32);

function derives(attestation: OpenGroupAttestation, registrationId: string, token: SasToken): boolean {
  if (attestation.type !== 'symmetricKey') return false;
  for (const key of [attestation.primary, attestation.secondary]) {
    if (!key) continue;
    hmacSha256(key, registrationId, derived);
    if (isSignedBy(token, derived)) return true;
  }
  return false;
}

/** The group of the first certificate above the leaf that belongs to one; the chain must go on to a verified CA certificate. */
function groupOfChain(
  chain: readonly string[],
  { registrationId }: Claim,
  { configuration: { groups, certificates }, at }: AdmitContext,
): EnrolledGroup | NotAdmitted {
  const nobody = { enrollment: null, enrollmentGroup: null };
  const sent = readChain(chain);
  if (typeof sent === 'string') return unproven(nobody, sent);
  const inLeaf = faultInLeaf(sent[0], registrationId);
  if (inLeaf !== null) return unproven(nobody, inLeaf);
  const path = certificates.completed(sent);
  const found = firstGroupIn(path, groups, certificates);
  if (!found) {
    const reason = `no enrollment group goes by an issuer of the device's certificate (${path.map(nameOf).join(', ')})`;
    return { ...nobody, status: 'failed', authenticated: false, errorCode: 404201, reason };
  }
  const { group, place } = found;
  const entrance = { enrollment: null, enrollmentGroup: group.name };
  const fault = faultInPath(path, at);
  if (fault !== null) return unproven(entrance, fault);
  if (!path.slice(place).some(({ thumbprint }) => certificates.isVerifiedCa(thumbprint))) {
    return unproven(entrance, 'the chain does not reach a verified CA certificate');
  }
  return group;
}

function firstGroupIn(
  path: readonly Certificate[],
  groups: GroupTable,
  certificates: CertificateTable,
): { group: EnrolledGroup; place: number } | null {
  for (const [place, { thumbprint }] of path.entries()) {
    const name = place === 0 ? null : certificates.groupOf(thumbprint);
    const group = name === null ? undefined : groups.get(registrationKey(name));
    if (group?.attestation.type === 'x509' && group.attestation.thumbprints.includes(thumbprint))
      return { group, place };
  }
  return null;
}

function unproven(entrance: Entrance, reason: string): NotAdmitted {
  return { ...entrance, status: 'failed', authenticated: false, errorCode: 401002, reason };
}

/** It is the device, but it may not come in now. */
function unwelcome(entrance: Entrance, reason: string): NotAdmitted {
  return { ...entrance, status: 'failed', authenticated: true, errorCode: 401002, reason };
}
