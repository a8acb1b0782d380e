import {
  type Attestation as Kept,
  certificateInfo,
  type CertificateInfo as Info,
  type GroupAttestation as KeptOfGroup,
  type KeptCertificate,
} from '@berth/domain';
import { Field, ObjectType, registerEnumType } from '@nestjs/graphql';
import { DateTime } from '../scalars.js';

export const AttestationType = {
  SYMMETRIC_KEY: 'symmetricKey',
  X509: 'x509',
  TPM: 'tpm',
  GATEWAY: 'gateway',
} as const satisfies Record<string, Kept['type']>;
registerEnumType(AttestationType, {
  name: 'AttestationType',
  valuesMap: {
    SYMMETRIC_KEY: { description: 'The device signs a token with one of two keys.' },
    X509: { description: "The device's own certificate, exactly; one of two." },
    TPM: { description: 'Can be recorded. Registrations are refused, for nothing here can challenge a TPM.' },
    GATEWAY: { description: 'A trusted edge gateway vouches for the device.' },
  },
});

export const GroupAttestationType = {
  SYMMETRIC_KEY: 'symmetricKey',
  X509: 'x509',
  CA_REFERENCE: 'caReference',
} as const satisfies Record<string, KeptOfGroup['type']>;
registerEnumType(GroupAttestationType, {
  name: 'GroupAttestationType',
  valuesMap: {
    SYMMETRIC_KEY: { description: "A device's key derives from one of the group's two keys and its registration id." },
    X509: { description: "The device's chain goes through a CA that the group brings, and on to a verified one." },
    CA_REFERENCE: { description: "The device's chain goes through an uploaded and verified CA certificate." },
  },
});

/** The two slots of keys and certificates. */
export const Slot = { PRIMARY: 'primary', SECONDARY: 'secondary' } as const;
registerEnumType(Slot, { name: 'Slot', description: 'Which of two: either is good, so that one can be replaced.' });

@ObjectType({ description: 'A certificate. Certificates are no secrets.' })
export class CertificateInfo implements Info {
  @Field(() => String, { description: 'Base64 DER.' })
  certificate!: string;
  @Field(() => String)
  subjectName!: string;
  @Field(() => String)
  issuerName!: string;
  @Field(() => String)
  sha1Thumbprint!: string;
  @Field(() => String)
  sha256Thumbprint!: string;
  @Field(() => String)
  serialNumber!: string;
  @Field(() => DateTime)
  notBefore!: string;
  @Field(() => DateTime)
  notAfter!: string;
}

@ObjectType({ description: 'Certificates in their slots; at least one is there.' })
export class X509Attestation {
  @Field(() => CertificateInfo, { nullable: true })
  primary!: CertificateInfo | null;
  @Field(() => CertificateInfo, { nullable: true })
  secondary!: CertificateInfo | null;
}

@ObjectType({ description: 'The public keys of a TPM, base64.' })
export class TpmAttestation {
  @Field(() => String)
  endorsementKey!: string;
  @Field(() => String, { nullable: true })
  storageRootKey!: string | null;
}

@ObjectType({ description: 'Names of uploaded CA certificates; at least one is there.' })
export class CaReferences {
  @Field(() => String, { nullable: true })
  primary!: string | null;
  @Field(() => String, { nullable: true })
  secondary!: string | null;
}

@ObjectType({ description: 'How a device proves who it is. Keys are not shown here.' })
export class Attestation {
  @Field(() => AttestationType)
  type!: Kept['type'];
  @Field(() => [String], { nullable: true, description: 'With GATEWAY: CloudEvents sources that may vouch.' })
  sources!: readonly string[] | null;
  @Field(() => X509Attestation, { nullable: true })
  x509!: X509Attestation | null;
  @Field(() => TpmAttestation, { nullable: true })
  tpm!: TpmAttestation | null;
}

@ObjectType({ description: 'How the devices of a group prove who they are. Keys are not shown here.' })
export class GroupAttestation {
  @Field(() => GroupAttestationType)
  type!: KeptOfGroup['type'];
  @Field(() => X509Attestation, { nullable: true })
  x509!: X509Attestation | null;
  @Field(() => CaReferences, { nullable: true })
  caReferences!: CaReferences | null;
}

@ObjectType({ description: 'Keys that Berth generated, base64. They are not shown again, so keep them.' })
export class GeneratedKeys {
  @Field(() => String, { nullable: true, description: 'Null when the input brought it.' })
  primary!: string | null;
  @Field(() => String, { nullable: true, description: 'Null when the input brought it.' })
  secondary!: string | null;
}

type Shown<A> = { type: 'symmetricKey' } | Exclude<A, { type: 'symmetricKey' }>;

export function attestationOf(attestation: Shown<Kept>): Attestation {
  return {
    type: attestation.type,
    sources: attestation.type === 'gateway' ? attestation.sources : null,
    x509: attestation.type === 'x509' ? x509Of(attestation) : null,
    tpm: attestation.type === 'tpm' ? attestation : null,
  };
}

export function groupAttestationOf(attestation: Shown<KeptOfGroup>): GroupAttestation {
  const { type } = attestation;
  const names = type === 'caReference' ? attestation : null;
  return {
    type,
    x509: type === 'x509' ? x509Of(attestation) : null,
    caReferences: names && { primary: names.primary?.name ?? null, secondary: names.secondary?.name ?? null },
  };
}

export function certificateOf(kept: KeptCertificate): CertificateInfo {
  return { certificate: kept.certificate, ...certificateInfo(kept) };
}

interface Pair {
  primary: KeptCertificate | null;
  secondary: KeptCertificate | null;
}

/** Read when they are asked for: taking a certificate apart costs more than the rest of a row. */
function x509Of({ primary, secondary }: Pair): X509Attestation {
  return {
    get primary() {
      return primary && certificateOf(primary);
    },
    get secondary() {
      return secondary && certificateOf(secondary);
    },
  };
}
