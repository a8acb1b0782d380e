import { Module } from '@nestjs/common';
import { CqrsModule } from '@nestjs/cqrs';
import { DeleteEnrollmentHandler, EnableEnrollmentHandler } from './enrollment/change-enrollment.js';
import { CreateEnrollmentHandler } from './enrollment/create-enrollment.js';
import { ChangeHubHandler, CordonHubHandler, DrainHubHandler, UncordonHubHandler } from './hub/change-hub.js';
import { UnlinkHubHandler } from './hub/unlink-hub.js';
import { LinkHubHandler } from './hub/link-hub.js';
import { ChooseAllocationPolicyHandler } from './policy/choose-allocation-policy.js';
import { ReleaseRegistrationHandler } from './registration/release-registration.js';

/**
 * Handlers of the commands on hubs, policy, enrollments and registrations, for the global command bus. Wants `EventStore`,
 * `RegistrationLog`, `ReadModel`, `MasterKey` and `Clock` from a global module.
 */
@Module({
  imports: [CqrsModule.forRoot()],
  providers: [
    LinkHubHandler,
    ChangeHubHandler,
    CordonHubHandler,
    DrainHubHandler,
    UncordonHubHandler,
    UnlinkHubHandler,
    ChooseAllocationPolicyHandler,
    CreateEnrollmentHandler,
    EnableEnrollmentHandler,
    DeleteEnrollmentHandler,
    ReleaseRegistrationHandler,
  ],
})
export class ControlModule {}
