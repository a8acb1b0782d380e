import { type AttestationWish, type GroupAttestationWish } from '@berth/control';
import { Field, InputType } from '@nestjs/graphql';
import { ExpectedVersion } from '../expected-version.js';
import { userError } from '../rejections.js';
import { type UserError } from '../user-error.js';
import { Slot } from './attestation.types.js';

@InputType({ description: 'Base64 of 16–64 bytes each; one that is left out is generated.' })
export class SymmetricKeyInput {
  @Field(() => String, { nullable: true })
  primary?: string | null;
  @Field(() => String, { nullable: true })
  secondary?: string | null;
}

@InputType({ description: 'Certificates as PEM or base64 DER; at least one.' })
export class X509Input {
  @Field(() => String, { nullable: true })
  primary?: string | null;
  @Field(() => String, { nullable: true })
  secondary?: string | null;
}

@InputType({ description: 'Names of uploaded CA certificates; at least one.' })
export class CaReferencesInput {
  @Field(() => String, { nullable: true })
  primary?: string | null;
  @Field(() => String, { nullable: true })
  secondary?: string | null;
}

@InputType({ description: 'Public keys, base64.' })
export class TpmInput {
  @Field(() => String)
  endorsementKey!: string;
  @Field(() => String, { nullable: true })
  storageRootKey?: string | null;
}

@InputType()
export class GatewayInput {
  @Field(() => [String], { description: 'CloudEvents sources that may vouch for the device.' })
  sources!: string[];
}

/** What every rotation of a key names besides its record. */
@InputType({ isAbstract: true })
export class KeyRotateInput extends ExpectedVersion {
  @Field(() => Slot)
  slot!: (typeof Slot)[keyof typeof Slot];
  @Field(() => String, { nullable: true, description: 'Base64 of 16–64 bytes; generated when left out.' })
  key?: string | null;
}

@InputType({ description: 'Exactly one of these.' })
export class AttestationInput {
  @Field(() => SymmetricKeyInput, { nullable: true })
  symmetricKey?: SymmetricKeyInput | null;
  @Field(() => X509Input, { nullable: true, description: "The device's own certificate." })
  x509?: X509Input | null;
  @Field(() => TpmInput, {
    nullable: true,
    description: 'Is recorded; registrations are refused, for nothing here can challenge a TPM.',
  })
  tpm?: TpmInput | null;
  @Field(() => GatewayInput, { nullable: true })
  gateway?: GatewayInput | null;
}

@InputType({ description: 'Exactly one of these.' })
export class GroupAttestationInput {
  @Field(() => SymmetricKeyInput, { nullable: true })
  symmetricKey?: SymmetricKeyInput | null;
  @Field(() => X509Input, { nullable: true, description: "An intermediate that issues the devices' certificates." })
  x509?: X509Input | null;
  @Field(() => CaReferencesInput, { nullable: true })
  caReferences?: CaReferencesInput | null;
}

export function attestationWishOf(input: AttestationInput): AttestationWish | UserError {
  const { symmetricKey, x509, tpm, gateway } = input;
  if (countOf(symmetricKey, x509, tpm, gateway) !== 1) return oneOf('symmetricKey, x509, tpm or gateway');
  if (symmetricKey) return { type: 'symmetricKey', ...pairOf(symmetricKey) };
  if (x509) return { type: 'x509', ...pairOf(x509) };
  if (tpm) return { type: 'tpm', endorsementKey: tpm.endorsementKey, storageRootKey: tpm.storageRootKey ?? null };
  return { type: 'gateway', sources: gateway?.sources ?? [] };
}

export function groupAttestationWishOf(input: GroupAttestationInput): GroupAttestationWish | UserError {
  const { symmetricKey, x509, caReferences } = input;
  if (countOf(symmetricKey, x509, caReferences) !== 1) return oneOf('symmetricKey, x509 or caReferences');
  if (symmetricKey) return { type: 'symmetricKey', ...pairOf(symmetricKey) };
  if (x509) return { type: 'x509', ...pairOf(x509) };
  return { type: 'caReference', ...pairOf(caReferences ?? {}) };
}

interface PairInput {
  primary?: string | null;
  secondary?: string | null;
}

function pairOf({ primary, secondary }: PairInput) {
  return { primary: primary ?? null, secondary: secondary ?? null };
}

function countOf(...given: readonly unknown[]): number {
  return given.filter((it) => it !== undefined && it !== null).length;
}

function oneOf(names: string): UserError {
  return userError('INVALID_ATTESTATION', ['attestation'], `Name exactly one attestation: ${names}.`);
}
