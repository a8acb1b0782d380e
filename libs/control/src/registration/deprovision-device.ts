import { defaultTerms } from '@berth/domain';
import { Command, CommandBus, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { ChangeEnrollment, type ChangeRejection } from '../enrollment/change-enrollment.js';
import { type CreateRejection, CreateEnrollment, type EnrollmentWish } from '../enrollment/create-enrollment.js';
import { type EnrollmentOutcome } from '../enrollment/enrollment-record.js';
import { type Origin } from '../origin.js';
import { ReleaseRegistration } from './release-registration.js';

type Disenrolled = EnrollmentOutcome<ChangeRejection | CreateRejection>;

export type DeprovisionOutcome =
  /** `hub`: the one that has one device less; null when the device was on none. */
  | { ok: true; enrollment: Extract<Disenrolled, { ok: true }>; hub: string | null; position: bigint | null }
  | Extract<Disenrolled, { ok: false }>;

/**
 * Shuts a device out and forgets its registration. It can't come in again before somebody enables its individual enrollment; who came
 * through a group gets one for that, disabled, for it goes before any group.
 */
export class DeprovisionDevice extends Command<DeprovisionOutcome> {
  constructor(
    readonly registrationId: string,
    readonly origin: Origin,
  ) {
    super();
  }
}

/** Between looking whether there is an enrollment and making one, somebody else may have made or deleted it. */
const triesMax = 3;

@CommandHandler(DeprovisionDevice)
export class DeprovisionDeviceHandler implements ICommandHandler<DeprovisionDevice> {
  constructor(private readonly commands: CommandBus) {}

  /**
   * Asking again is safe, and does what is left to do.
   * @throws ReleaseUndecided (retriable): the device is shut out, and will be released.
   * @throws LogFault (some retriable): the device is shut out, and wasn't released.
   */
  async execute({ registrationId, origin }: DeprovisionDevice): Promise<DeprovisionOutcome> {
    const enrollment = await this.disenroll(registrationId, origin);
    if (!enrollment.ok) return enrollment;
    // Behind the disenrollment, which it wants in view: what the device sends after it finds the door shut.
    const wish = { registrationId, idempotencyKey: null };
    const released = await this.commands.execute(new ReleaseRegistration(wish, origin));
    const position = released.position ?? enrollment.position;
    return { ok: true, enrollment, hub: released.ok ? released.hub : null, position };
  }

  private async disenroll(registrationId: string, origin: Origin): Promise<Disenrolled> {
    for (let tries = 1; ; tries += 1) {
      const change = new ChangeEnrollment({ registrationId, enabled: false, terms: {} }, origin);
      const { outcome: changed } = await this.commands.execute(change);
      if (changed.ok || changed.rejection.kind !== 'enrollmentNotFound') return changed;
      const { outcome: created } = await this.commands.execute(new CreateEnrollment(block(registrationId), origin));
      if (created.ok || created.rejection.kind !== 'enrollmentExists' || tries === triesMax) return created;
    }
  }
}

/** With keys that nobody is told. */
function block(registrationId: string): EnrollmentWish {
  return {
    ...defaultTerms,
    registrationId,
    deviceId: null,
    attestation: { type: 'symmetricKey', primary: null, secondary: null },
    optionalDeviceInformation: null,
    enabled: false,
    idempotencyKey: null,
  };
}
