import { type DynamicModule, Module } from '@nestjs/common';
import { CqrsModule } from '@nestjs/cqrs';
import {
  BeginCaCertificateVerificationHandler,
  DeleteCaCertificateHandler,
  UploadCaCertificateHandler,
  VerifyCaCertificateHandler,
} from './certificate/ca-certificates.js';
import {
  ChangeEnrollmentHandler,
  DeleteEnrollmentHandler,
  ReplaceEnrollmentCertificateHandler,
  RotateEnrollmentKeyHandler,
} from './enrollment/change-enrollment.js';
import { CreateEnrollmentHandler } from './enrollment/create-enrollment.js';
import {
  ChangeEnrollmentGroupHandler,
  DeleteEnrollmentGroupHandler,
  ReplaceEnrollmentGroupCertificateHandler,
  RotateEnrollmentGroupKeyHandler,
} from './enrollment-group/change-group.js';
import { CreateEnrollmentGroupHandler } from './enrollment-group/create-group.js';
import { ChangeHubHandler, CordonHubHandler, DrainHubHandler, UncordonHubHandler } from './hub/change-hub.js';
import { UnlinkHubHandler } from './hub/unlink-hub.js';
import { LinkHubHandler } from './hub/link-hub.js';
import { ImportEnrollmentHandler } from './import/import-enrollment.js';
import { Imports } from './import/imports.js';
import { Limits } from './limits.js';
import { MasterKeyRotation } from './master-key/master-key-rotation.js';
import { ChooseAllocationPolicyHandler } from './policy/choose-allocation-policy.js';
import { SetRegionLatenciesHandler } from './region/set-region-latencies.js';
import { DeprovisionDeviceHandler } from './registration/deprovision-device.js';
import { ReleaseRegistrationHandler } from './registration/release-registration.js';
import { WebhookHosts } from './webhook-hosts.js';

/**
 * Handlers of the commands on hubs, policy, enrollments, groups, certificates and registrations, for the global command bus;
 * and, for all modules, `Imports`, `Limits` and `MasterKeyRotation`.
 * Wants `EventStore`, `RegistrationLog`, `ReadModel`, `MasterKey` and `Clock` from a global module.
 */
@Module({})
export class ControlModule {
  static forRoot(limits: Limits, webhooks: WebhookHosts): DynamicModule {
    return {
      module: ControlModule,
      global: true,
      imports: [CqrsModule.forRoot()],
      providers: [
        { provide: Limits, useValue: limits },
        { provide: WebhookHosts, useValue: webhooks },
        LinkHubHandler,
        ChangeHubHandler,
        CordonHubHandler,
        DrainHubHandler,
        UncordonHubHandler,
        UnlinkHubHandler,
        ChooseAllocationPolicyHandler,
        SetRegionLatenciesHandler,
        CreateEnrollmentHandler,
        ChangeEnrollmentHandler,
        RotateEnrollmentKeyHandler,
        ReplaceEnrollmentCertificateHandler,
        DeleteEnrollmentHandler,
        CreateEnrollmentGroupHandler,
        ChangeEnrollmentGroupHandler,
        RotateEnrollmentGroupKeyHandler,
        ReplaceEnrollmentGroupCertificateHandler,
        DeleteEnrollmentGroupHandler,
        UploadCaCertificateHandler,
        BeginCaCertificateVerificationHandler,
        VerifyCaCertificateHandler,
        DeleteCaCertificateHandler,
        ReleaseRegistrationHandler,
        DeprovisionDeviceHandler,
        ImportEnrollmentHandler,
        Imports,
        MasterKeyRotation,
      ],
      exports: [Limits, Imports, MasterKeyRotation],
    };
  }
}
