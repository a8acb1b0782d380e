import {
  beginVerification,
  type CaCertificate,
  type CaCertificateEvent,
  type CaCertificateRejection,
  type CertificateUseRejection,
  type Decision,
  deleteCaCertificate,
  evolveCaCertificate,
  isRegistrationId,
  keepCertificate,
  noCaCertificate,
  rejected,
  uploadCaCertificate,
  verifyCaCertificate,
} from '@berth/domain';
import { EventStore, streams, type Transacted } from '@berth/event-store';
import { Clock } from '@berth/platform';
import { ReadModel } from '@berth/read-model';
import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { randomBytes } from 'node:crypto';
import { Limits } from '../limits.js';
import { metadataOf, type Origin } from '../origin.js';
import { ownWritesShown } from '../own-writes.js';
import { type RecordOptions, refusalWithoutStream, transactRecord } from '../record.js';
import { release } from './certificate-uses.js';

export type CaCertificateOutcome = Transacted<CaCertificate, CaCertificateRejection | CertificateUseRejection>;

/** Makes a CA certificate known by a name. PEM or base64 DER. */
export class UploadCaCertificate extends Command<CaCertificateOutcome> {
  constructor(
    readonly data: { name: string; certificate: string; verified: boolean },
    readonly origin: Origin,
  ) {
    super();
  }
}

/** Asks for proof of possession: the outcome's code is to be the common name of a certificate that the CA issues. */
export class BeginCaCertificateVerification extends Command<CaCertificateOutcome> {
  constructor(
    readonly name: string,
    readonly origin: Origin,
  ) {
    super();
  }
}

/** Verifies by a certificate with the code (PEM or base64 DER), or, with null, by word of the operator. */
export class VerifyCaCertificate extends Command<CaCertificateOutcome> {
  constructor(
    readonly data: { name: string; proof: string | null },
    readonly origin: Origin,
  ) {
    super();
  }
}

/** Refused while a group goes by it. */
export class DeleteCaCertificate extends Command<CaCertificateOutcome> {
  constructor(
    readonly name: string,
    readonly origin: Origin,
  ) {
    super();
  }
}

@CommandHandler(UploadCaCertificate)
export class UploadCaCertificateHandler implements ICommandHandler<UploadCaCertificate> {
  constructor(
    private readonly store: EventStore,
    private readonly readModel: ReadModel,
    private readonly limits: Limits,
    private readonly clock: Clock,
  ) {}

  /** @throws ReadModelLagging (retriable) when nobody can tell how many CA certificates there are. */
  async execute({
    data: { name, certificate: text, verified },
    origin,
  }: UploadCaCertificate): Promise<CaCertificateOutcome> {
    const metadata = metadataOf(origin, this.clock);
    const kept = keepCertificate(text);
    if (!kept) {
      const reason = 'it is no X.509 certificate in PEM or base64 DER';
      const refuse = () => rejected<CaCertificateRejection>({ kind: 'invalidCertificate', slot: null, reason });
      return transactCaCertificate(this.store, name, refuse, { metadata });
    }
    await ownWritesShown(this.store, this.readModel, 'how many CA certificates there are');
    const limit = { count: await this.readModel.caCertificateCount(), max: this.limits.caCertificatesMax };
    const command = { name, ...kept, verified, at: this.clock.now(), limit };
    return transactCaCertificate(this.store, name, (ca) => uploadCaCertificate(command, ca), {
      metadata,
      certificates: [{ thumbprint: kept.thumbprint, caCertificate: null }],
    });
  }
}

/** Random bytes of a verification code. */
const codeBytes = 24;

@CommandHandler(BeginCaCertificateVerification)
export class BeginCaCertificateVerificationHandler implements ICommandHandler<BeginCaCertificateVerification> {
  constructor(
    private readonly store: EventStore,
    private readonly clock: Clock,
  ) {}

  execute({ name, origin }: BeginCaCertificateVerification): Promise<CaCertificateOutcome> {
    const metadata = metadataOf(origin, this.clock);
    const code = randomBytes(codeBytes).toString('hex').toUpperCase();
    return transactCaCertificate(this.store, name, (ca) => beginVerification({ name, code }, ca), { metadata });
  }
}

@CommandHandler(VerifyCaCertificate)
export class VerifyCaCertificateHandler implements ICommandHandler<VerifyCaCertificate> {
  constructor(
    private readonly store: EventStore,
    private readonly clock: Clock,
  ) {}

  execute({ data: { name, proof }, origin }: VerifyCaCertificate): Promise<CaCertificateOutcome> {
    const metadata = metadataOf(origin, this.clock);
    const shown = proof === null ? null : (keepCertificate(proof)?.certificate ?? '');
    const command = { name, proof: shown, at: this.clock.now() };
    return transactCaCertificate(this.store, name, (ca) => verifyCaCertificate(command, ca), { metadata });
  }
}

@CommandHandler(DeleteCaCertificate)
export class DeleteCaCertificateHandler implements ICommandHandler<DeleteCaCertificate> {
  constructor(
    private readonly store: EventStore,
    private readonly clock: Clock,
  ) {}

  /** Its certificate is let go first, for that is where a group that goes by it is known; dying in between, ask again. */
  async execute({ name, origin }: DeleteCaCertificate): Promise<CaCertificateOutcome> {
    const metadata = metadataOf(origin, this.clock);
    const ca = await readCaCertificate(this.store, name);
    if (ca.status === 'uploaded') {
      const { thumbprint } = ca;
      const holder = { type: 'caCertificate' as const, name };
      const kept = await release(this.store, { thumbprint, holder }, metadata);
      if (kept) return { ok: false, rejection: kept, position: null };
    }
    return transactCaCertificate(this.store, name, (it) => deleteCaCertificate({ name }, it), { metadata });
  }
}

async function transactCaCertificate(
  store: EventStore,
  name: string,
  decide: (ca: CaCertificate) => Decision<CaCertificateEvent, CaCertificateRejection>,
  options: RecordOptions,
): Promise<CaCertificateOutcome> {
  if (!isRegistrationId(name)) return refusalWithoutStream(decide(noCaCertificate));
  const holder = { type: 'caCertificate' as const, name };
  const decider = { initial: noCaCertificate, evolve: evolveCaCertificate };
  const belongingsOf = (ca: CaCertificate) => ({
    keyIds: [],
    thumbprints: ca.status === 'uploaded' ? [ca.thumbprint] : [],
  });
  return transactRecord(store, { stream: streams.caCertificate(name), decider, belongingsOf, holder }, decide, options);
}

export async function readCaCertificate(store: EventStore, name: string): Promise<CaCertificate> {
  let ca = noCaCertificate;
  if (!isRegistrationId(name)) return ca;
  for await (const { event } of store.read<CaCertificateEvent>(streams.caCertificate(name))) {
    ca = evolveCaCertificate(ca, event);
  }
  return ca;
}
