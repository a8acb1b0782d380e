import {
  accepted,
  changeEnrollmentGroup,
  type ChangeEnrollmentGroup as Change,
  deleteEnrollmentGroup,
  type Decision,
  type EnrollmentGroup,
  type EnrollmentGroupEvent,
  type EnrollmentGroupRejection,
  evolveEnrollmentGroup,
  keepCertificate,
  rejected,
  replaceGroupAttestation,
  replaceGroupCertificate,
  type Slot,
} from '@berth/domain';
import { EventStore } from '@berth/event-store';
import { Clock } from '@berth/platform';
import { MasterKey } from '@berth/secrets';
import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { type GroupAttestationWish, unreadableCertificate } from '../attestation/attestation-wish.js';
import { generatedKeysOf } from '../attestation/kept-keys.js';
import { type KeyRotation, type OtherKeyLost, rotateKey } from '../attestation/rotate-key.js';
import { type KeyPair } from '../attestation/symmetric-keys.js';
import { linkedAmong } from '../hub/hub-record.js';
import { metadataOf, type Origin } from '../origin.js';
import { WebhookHosts } from '../webhook-hosts.js';
import { type GroupWishRejection, prepareGroupAttestation, referTo } from './group-attestation.js';
import { type EnrollmentGroupOutcome, readGroup, transactGroup } from './group-record.js';

export type ChangeGroupRejection = GroupWishRejection | OtherKeyLost;

type GroupDecision = Decision<EnrollmentGroupEvent, EnrollmentGroupRejection | GroupWishRejection>;

export interface ChangeEnrollmentGroupOutcome {
  outcome: EnrollmentGroupOutcome<ChangeGroupRejection>;
  /** Keys that Berth generated, base64, and null for one that the command brought; null when none was generated. */
  generatedKeys: KeyPair<string | null> | null;
}

/** Changes a group's terms and state, and, when an attestation is given, all its keys or certificates. */
export class ChangeEnrollmentGroup extends Command<ChangeEnrollmentGroupOutcome> {
  constructor(
    readonly change: Change & { attestation?: GroupAttestationWish | undefined },
    readonly origin: Origin,
    /** Revision the caller saw; undefined changes whatever is there. */
    readonly expectedVersion?: number,
  ) {
    super();
  }
}

/** Replaces one of a group's two keys; keys derived from the other stay good. */
export class RotateEnrollmentGroupKey extends Command<ChangeEnrollmentGroupOutcome> {
  constructor(
    readonly rotation: KeyRotation & { name: string },
    readonly origin: Origin,
  ) {
    super();
  }
}

/** Fills, replaces or (null) empties one of a group's two certificate slots. */
export class ReplaceEnrollmentGroupCertificate extends Command<EnrollmentGroupOutcome<ChangeGroupRejection>> {
  constructor(
    readonly data: {
      name: string;
      slot: Slot;
      /** PEM or base64 DER, or the name of an uploaded CA certificate. */
      certificate: { text: string } | { caCertificate: string } | null;
    },
    readonly origin: Origin,
    readonly expectedVersion?: number,
  ) {
    super();
  }
}

/** Devices of the group may not provision any more, and the key that opens its secrets is destroyed. */
export class DeleteEnrollmentGroup extends Command<EnrollmentGroupOutcome> {
  constructor(
    readonly name: string,
    readonly origin: Origin,
    readonly expectedVersion?: number,
  ) {
    super();
  }
}

@CommandHandler(ChangeEnrollmentGroup)
export class ChangeEnrollmentGroupHandler implements ICommandHandler<ChangeEnrollmentGroup> {
  constructor(
    private readonly store: EventStore,
    private readonly masterKey: MasterKey,
    private readonly webhooks: WebhookHosts,
    private readonly clock: Clock,
  ) {}

  async execute({ change, origin, expectedVersion }: ChangeEnrollmentGroup): Promise<ChangeEnrollmentGroupOutcome> {
    const { attestation: wished, ...terms } = change;
    const { name } = change;
    const metadata = metadataOf(origin, this.clock);
    const surroundings = {
      linked: await linkedAmong(this.store, terms.terms.hubs ?? []),
      webhookHosts: this.webhooks.hosts,
      at: this.clock.now(),
    };
    const prepared = wished ? await prepareGroupAttestation(wished, this.store, this.masterKey) : null;
    const decide = (group: EnrollmentGroup): GroupDecision => {
      const changed = changeEnrollmentGroup(terms, group, surroundings);
      if (!changed.ok || !prepared) return changed;
      if ('kind' in prepared) return rejected(prepared);
      const { attestation } = prepared;
      const after = changed.events.reduce(evolveEnrollmentGroup, group);
      const replaced = replaceGroupAttestation({ name, attestation }, after, surroundings);
      return replaced.ok ? accepted(...changed.events, ...replaced.events) : replaced;
    };
    const ready = prepared && 'attestation' in prepared ? prepared : null;
    const outcome: EnrollmentGroupOutcome<ChangeGroupRejection> = await transactGroup(this.store, name, decide, {
      ...{ metadata, expectedVersion, dataKey: ready?.dataKey },
      certificates: ready?.certificates ?? [],
    });
    const generatedKeys = wished
      ? await generatedKeysOf(wished, outcome, this.store, this.masterKey, ready?.dataKey)
      : null;
    return { outcome, generatedKeys };
  }
}

@CommandHandler(RotateEnrollmentGroupKey)
export class RotateEnrollmentGroupKeyHandler implements ICommandHandler<RotateEnrollmentGroupKey> {
  constructor(
    private readonly store: EventStore,
    private readonly masterKey: MasterKey,
    private readonly clock: Clock,
  ) {}

  execute({ rotation, origin }: RotateEnrollmentGroupKey): Promise<ChangeEnrollmentGroupOutcome> {
    const { name } = rotation;
    const metadata = metadataOf(origin, this.clock);
    const at = this.clock.now();
    return rotateKey(this.store, this.masterKey, rotation, {
      read: async () => {
        const { group, version } = await readGroup(this.store, name);
        const attestation = group.status === 'none' ? null : group.attestation;
        return { keys: attestation?.type === 'symmetricKey' ? attestation : null, version };
      },
      replace: (prepared, expectedVersion) => {
        const decide = (group: EnrollmentGroup) =>
          prepared
            ? replaceGroupAttestation({ name, attestation: prepared.attestation }, group, { at })
            : refuseWithoutKeys(name, group);
        return transactGroup(this.store, name, decide, { metadata, expectedVersion, dataKey: prepared?.dataKey });
      },
    });
  }
}

@CommandHandler(ReplaceEnrollmentGroupCertificate)
export class ReplaceEnrollmentGroupCertificateHandler implements ICommandHandler<ReplaceEnrollmentGroupCertificate> {
  constructor(
    private readonly store: EventStore,
    private readonly clock: Clock,
  ) {}

  async execute({
    data: { name, slot, certificate: wished },
    origin,
    expectedVersion,
  }: ReplaceEnrollmentGroupCertificate): Promise<EnrollmentGroupOutcome<ChangeGroupRejection>> {
    const certificate = await this.certificateFor(slot, wished);
    const decide = (group: EnrollmentGroup): GroupDecision =>
      certificate && 'kind' in certificate
        ? rejected(certificate)
        : replaceGroupCertificate({ name, slot, certificate }, group, { at: this.clock.now() });
    const caCertificate = wished && 'caCertificate' in wished ? wished.caCertificate : null;
    const isKept = certificate && 'thumbprint' in certificate && !('kind' in certificate);
    return transactGroup(this.store, name, decide, {
      ...{ metadata: metadataOf(origin, this.clock), expectedVersion },
      certificates: isKept ? [{ thumbprint: certificate.thumbprint, caCertificate }] : [],
    });
  }

  private async certificateFor(slot: Slot, wished: { text: string } | { caCertificate: string } | null) {
    if (!wished) return null;
    if ('caCertificate' in wished) return referTo(wished.caCertificate, this.store);
    return keepCertificate(wished.text) ?? unreadableCertificate(slot);
  }
}

@CommandHandler(DeleteEnrollmentGroup)
export class DeleteEnrollmentGroupHandler implements ICommandHandler<DeleteEnrollmentGroup> {
  constructor(
    private readonly store: EventStore,
    private readonly clock: Clock,
  ) {}

  execute({ name, origin, expectedVersion }: DeleteEnrollmentGroup): Promise<EnrollmentGroupOutcome> {
    const metadata = metadataOf(origin, this.clock);
    return transactGroup(this.store, name, (group) => deleteEnrollmentGroup({ name }, group), {
      metadata,
      expectedVersion,
    });
  }
}

function refuseWithoutKeys(name: string, group: EnrollmentGroup) {
  if (group.status === 'none') return rejected({ kind: 'groupNotFound', name } as const);
  const { type } = group.attestation;
  return rejected({ kind: 'attestationTypeFixed', type } as const);
}
