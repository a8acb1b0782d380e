import { type Attestation, changeEnrollment, type Enrollment, type ImportMode, slots } from '@berth/domain';
import { EventStore } from '@berth/event-store';
import { MasterKey } from '@berth/secrets';
import { Command, CommandBus, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { type AttestationWish, prepareCertificates } from '../attestation/attestation-wish.js';
import { openKeptKeys } from '../attestation/kept-keys.js';
import { ChangeEnrollment, type ChangeEnrollmentOutcome } from '../enrollment/change-enrollment.js';
import {
  CreateEnrollment,
  type CreateEnrollmentOutcome,
  type EnrollmentWish,
} from '../enrollment/create-enrollment.js';
import { readEnrollment } from '../enrollment/enrollment-record.js';
import { type HubLookUp } from '../hub/hub-record.js';
import { type Origin } from '../origin.js';

type Outcome = (CreateEnrollmentOutcome | ChangeEnrollmentOutcome)['outcome'];
export type ImportedRejection = Extract<Outcome, { ok: false }>['rejection'];

/** What a row came to. */
export type Imported =
  { ok: true; did: 'created' | 'changed' | 'unchanged' } | { ok: false; rejection: ImportedRejection };

/**
 * One row of an import: sees to it that there is the enrollment that the row describes. Recognised by its content, whoever made
 * it and whenever: the same row again records nothing. Keys that a row leaves out are whatever they are, and generated for a
 * new enrollment.
 */
export class ImportEnrollment extends Command<Imported> {
  constructor(
    readonly wish: EnrollmentWish,
    readonly mode: ImportMode,
    readonly origin: Origin,
    /** Shared by rows that are taken in together. */
    readonly hubs: HubLookUp,
  ) {
    super();
  }
}

@CommandHandler(ImportEnrollment)
export class ImportEnrollmentHandler implements ICommandHandler<ImportEnrollment> {
  constructor(
    private readonly store: EventStore,
    private readonly masterKey: MasterKey,
    private readonly commands: CommandBus,
  ) {}

  /** @throws StoreUnavailable (retriable): the row may or may not be done. */
  async execute({ wish, mode, origin, hubs }: ImportEnrollment): Promise<Imported> {
    const { registrationId } = wish;
    const { enrollment, version } = await readEnrollment(this.store, registrationId);
    if (enrollment.status === 'none') {
      return came('created', (await this.commands.execute(new CreateEnrollment(wish, origin, hubs))).outcome);
    }
    const { attestation: wished, idempotencyKey: _, registrationId: _spelling, enabled, ...given } = wish;
    // What a row leaves out isn't there, while a change would keep it.
    const terms = { ...given, custom: given.custom ?? null, require: given.require ?? [] };
    const attestation = await this.attestationToReplace(wished, enrollment.attestation);
    const hasSameTerms = isUnchanged({ registrationId, enabled, terms }, enrollment);
    if (hasSameTerms && !attestation) return { ok: true, did: 'unchanged' };
    if (mode === 'create') return { ok: false, rejection: { kind: 'enrollmentExists', registrationId } };
    const change = { registrationId, enabled, terms, ...(attestation && { attestation }) };
    return came('changed', (await this.commands.execute(new ChangeEnrollment(change, origin, version, hubs))).outcome);
  }

  /** Null when the present one is what the row wants. */
  private async attestationToReplace(wish: AttestationWish, present: Attestation): Promise<AttestationWish | null> {
    if (wish.type === 'symmetricKey' && present.type === 'symmetricKey') {
      if (wish.primary === null && wish.secondary === null) return null;
      const kept = await openKeptKeys(present, this.store, this.masterKey);
      const wanted = { ...wish };
      for (const slot of slots) wanted[slot] ??= kept[slot]?.toString('base64') ?? null;
      return slots.every((slot) => kept[slot] && wanted[slot] === kept[slot].toString('base64')) ? null : wanted;
    }
    if (wish.type === 'x509' && present.type === 'x509') {
      const prepared = prepareCertificates(wish);
      const isSame =
        'attestation' in prepared &&
        slots.every((slot) => prepared.attestation[slot]?.thumbprint === present[slot]?.thumbprint);
      return isSame ? null : wish;
    }
    return JSON.stringify(wish) === JSON.stringify(present) ? null : wish;
  }
}

/** Asks the rule itself: what changes nothing is not judged by the hubs and hosts of now. */
function isUnchanged(change: Parameters<typeof changeEnrollment>[0], enrollment: Enrollment): boolean {
  const decision = changeEnrollment(change, enrollment, { linked: new Set(), webhookHosts: new Set() });
  return decision.ok && decision.events.length === 0;
}

function came(did: 'created' | 'changed', outcome: Outcome): Imported {
  return outcome.ok ? { ok: true, did } : { ok: false, rejection: outcome.rejection };
}
