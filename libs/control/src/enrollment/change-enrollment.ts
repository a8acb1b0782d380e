import {
  accepted,
  type CertificateRejection,
  changeEnrollment,
  type ChangeEnrollment as Change,
  deleteEnrollment,
  type Decision,
  type Enrollment,
  type EnrollmentEvent,
  type EnrollmentRejection,
  evolveEnrollment,
  keepCertificate,
  rejected,
  replaceAttestation,
  replaceCertificate,
  type Slot,
} from '@berth/domain';
import { EventStore } from '@berth/event-store';
import { Clock } from '@berth/platform';
import { MasterKey } from '@berth/secrets';
import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import {
  type AttestationWish,
  prepareAttestation,
  unreadableCertificate,
  type WishRejection,
} from '../attestation/attestation-wish.js';
import { generatedKeysOf } from '../attestation/kept-keys.js';
import { type KeyRotation, type OtherKeyLost, rotateKey } from '../attestation/rotate-key.js';
import { type KeyPair } from '../attestation/symmetric-keys.js';
import { HubLookUp } from '../hub/hub-record.js';
import { metadataOf, type Origin } from '../origin.js';
import { WebhookHosts } from '../webhook-hosts.js';
import { type EnrollmentOutcome, readEnrollment, transactEnrollment } from './enrollment-record.js';

export type ChangeRejection = WishRejection | OtherKeyLost;

export interface ChangeEnrollmentOutcome {
  outcome: EnrollmentOutcome<ChangeRejection>;
  /** Keys that Berth generated, base64, and null for one that the command brought; null when none was generated. */
  generatedKeys: KeyPair<string | null> | null;
}

/** Changes an enrollment's terms and state, and, when an attestation is given, all its keys, certificates or sources. */
export class ChangeEnrollment extends Command<ChangeEnrollmentOutcome> {
  constructor(
    readonly change: Change & { attestation?: AttestationWish | undefined },
    readonly origin: Origin,
    /** Revision the caller saw; undefined changes whatever is there. */
    readonly expectedVersion?: number,
    /** Shared by enrollments that are changed together. */
    readonly hubs?: HubLookUp,
  ) {
    super();
  }
}

/** Replaces one of an enrollment's two keys; the other stays good. */
export class RotateEnrollmentKey extends Command<ChangeEnrollmentOutcome> {
  constructor(
    readonly rotation: KeyRotation & { registrationId: string },
    readonly origin: Origin,
  ) {
    super();
  }
}

/** Fills, replaces or (null) empties one of an enrollment's two certificate slots. PEM or base64 DER. */
export class ReplaceEnrollmentCertificate extends Command<EnrollmentOutcome<CertificateRejection>> {
  constructor(
    readonly data: { registrationId: string; slot: Slot; certificate: string | null },
    readonly origin: Origin,
    readonly expectedVersion?: number,
  ) {
    super();
  }
}

/** The device may not provision any more, and the key that opens its secrets is destroyed. */
export class DeleteEnrollment extends Command<EnrollmentOutcome> {
  constructor(
    readonly registrationId: string,
    readonly origin: Origin,
    readonly expectedVersion?: number,
  ) {
    super();
  }
}

@CommandHandler(ChangeEnrollment)
export class ChangeEnrollmentHandler implements ICommandHandler<ChangeEnrollment> {
  constructor(
    private readonly store: EventStore,
    private readonly masterKey: MasterKey,
    private readonly webhooks: WebhookHosts,
    private readonly clock: Clock,
  ) {}

  async execute({
    change,
    origin,
    expectedVersion,
    hubs = new HubLookUp(this.store),
  }: ChangeEnrollment): Promise<ChangeEnrollmentOutcome> {
    const { attestation: wished, ...terms } = change;
    const { registrationId } = change;
    const metadata = metadataOf(origin, this.clock);
    const surroundings = {
      linked: await hubs.linkedAmong(terms.terms.hubs ?? []),
      webhookHosts: this.webhooks.hosts,
      at: this.clock.now(),
    };
    const prepared = wished ? prepareAttestation(wished, this.masterKey) : null;
    const decide = (enrollment: Enrollment): Decision<EnrollmentEvent, EnrollmentRejection | WishRejection> => {
      const changed = changeEnrollment(terms, enrollment, surroundings);
      if (!changed.ok || !prepared) return changed;
      if ('kind' in prepared) return rejected(prepared);
      const { attestation } = prepared;
      const after = changed.events.reduce(evolveEnrollment, enrollment);
      const replaced = replaceAttestation({ registrationId, attestation }, after, surroundings);
      return replaced.ok ? accepted(...changed.events, ...replaced.events) : replaced;
    };
    const ready = prepared && 'attestation' in prepared ? prepared : null;
    const outcome: EnrollmentOutcome<ChangeRejection> = await transactEnrollment(this.store, registrationId, decide, {
      ...{ metadata, expectedVersion, dataKey: ready?.dataKey },
      certificates: ready?.certificates ?? [],
    });
    const generatedKeys = wished
      ? await generatedKeysOf(wished, outcome, this.store, this.masterKey, ready?.dataKey)
      : null;
    return { outcome, generatedKeys };
  }
}

@CommandHandler(RotateEnrollmentKey)
export class RotateEnrollmentKeyHandler implements ICommandHandler<RotateEnrollmentKey> {
  constructor(
    private readonly store: EventStore,
    private readonly masterKey: MasterKey,
    private readonly clock: Clock,
  ) {}

  execute({ rotation, origin }: RotateEnrollmentKey): Promise<ChangeEnrollmentOutcome> {
    const { registrationId } = rotation;
    const metadata = metadataOf(origin, this.clock);
    const at = this.clock.now();
    return rotateKey(this.store, this.masterKey, rotation, {
      read: async () => {
        const { enrollment, version } = await readEnrollment(this.store, registrationId);
        const attestation = enrollment.status === 'none' ? null : enrollment.attestation;
        return { keys: attestation?.type === 'symmetricKey' ? attestation : null, version };
      },
      replace: (prepared, expectedVersion) => {
        const decide = (enrollment: Enrollment) =>
          prepared
            ? replaceAttestation({ registrationId, attestation: prepared.attestation }, enrollment, { at })
            : refuseWithoutKeys(registrationId, enrollment);
        return transactEnrollment(this.store, registrationId, decide, {
          ...{ metadata, expectedVersion, dataKey: prepared?.dataKey },
        });
      },
    });
  }
}

@CommandHandler(ReplaceEnrollmentCertificate)
export class ReplaceEnrollmentCertificateHandler implements ICommandHandler<ReplaceEnrollmentCertificate> {
  constructor(
    private readonly store: EventStore,
    private readonly clock: Clock,
  ) {}

  execute({
    data,
    origin,
    expectedVersion,
  }: ReplaceEnrollmentCertificate): Promise<EnrollmentOutcome<CertificateRejection>> {
    const { registrationId, slot } = data;
    const certificate = data.certificate === null ? null : keepCertificate(data.certificate);
    const isUnreadable = data.certificate !== null && !certificate;
    const decide = (enrollment: Enrollment) =>
      isUnreadable
        ? rejected(unreadableCertificate(slot))
        : replaceCertificate({ registrationId, slot, certificate }, enrollment, { at: this.clock.now() });
    return transactEnrollment(this.store, registrationId, decide, {
      ...{ metadata: metadataOf(origin, this.clock), expectedVersion },
      certificates: certificate ? [{ thumbprint: certificate.thumbprint, caCertificate: null }] : [],
    });
  }
}

@CommandHandler(DeleteEnrollment)
export class DeleteEnrollmentHandler implements ICommandHandler<DeleteEnrollment> {
  constructor(
    private readonly store: EventStore,
    private readonly clock: Clock,
  ) {}

  execute({ registrationId, origin, expectedVersion }: DeleteEnrollment): Promise<EnrollmentOutcome> {
    const metadata = metadataOf(origin, this.clock);
    return transactEnrollment(this.store, registrationId, (it) => deleteEnrollment({ registrationId }, it), {
      metadata,
      expectedVersion,
    });
  }
}

function refuseWithoutKeys(registrationId: string, enrollment: Enrollment) {
  if (enrollment.status === 'none') return rejected({ kind: 'enrollmentNotFound', registrationId } as const);
  const { type } = enrollment.attestation;
  return rejected({ kind: 'attestationTypeFixed', type } as const);
}
