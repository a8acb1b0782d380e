import { deleteEnrollment, enableEnrollment } from '@berth/domain';
import { EventStore } from '@berth/event-store';
import { Clock } from '@berth/platform';
import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { metadataOf, type Origin } from '../origin.js';
import { type EnrollmentOutcome, transactEnrollment } from './enrollment-record.js';

/** Enables or disables an enrollment. */
export class EnableEnrollment extends Command<EnrollmentOutcome> {
  constructor(
    readonly data: { registrationId: string; enabled: boolean },
    readonly origin: Origin,
    /** Revision the caller saw; undefined changes whatever is there. */
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

@CommandHandler(EnableEnrollment)
export class EnableEnrollmentHandler implements ICommandHandler<EnableEnrollment> {
  constructor(
    private readonly store: EventStore,
    private readonly clock: Clock,
  ) {}

  execute({ data, origin, expectedVersion }: EnableEnrollment): Promise<EnrollmentOutcome> {
    const metadata = metadataOf(origin, this.clock);
    return transactEnrollment(this.store, data.registrationId, (enrollment) => enableEnrollment(data, enrollment), {
      metadata,
      expectedVersion,
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
