import { type AllocationPolicyKind, type ChangeHub as ChangeHubData } from '@berth/domain';
import { Injectable } from '@nestjs/common';
import { CommandBus } from '@nestjs/cqrs';
import { DeleteEnrollment, EnableEnrollment } from './enrollment/change-enrollment.js';
import { CreateEnrollment, type CreateEnrollmentOutcome, type EnrollmentWish } from './enrollment/create-enrollment.js';
import { type EnrollmentOutcome } from './enrollment/enrollment-record.js';
import { ChangeHub, CordonHub, UncordonHub, UnlinkHub } from './hub/change-hub.js';
import { type HubOutcome } from './hub/hub-record.js';
import { LinkHub, type LinkHubData } from './hub/link-hub.js';
import { type Origin } from './origin.js';
import { ChooseAllocationPolicy, type PolicyOutcome } from './policy/choose-allocation-policy.js';

/**
 * The commands as one service, for service libs that must not know this one: they name what they need as a port of
 * their own, and an app fills it with this. Every method may throw StoreUnavailable (retriable): what was asked then
 * may or may not have happened, and asking again is safe.
 */
@Injectable()
export class Control {
  constructor(private readonly bus: CommandBus) {}

  linkHub(data: LinkHubData, origin: Origin): Promise<HubOutcome> {
    return this.bus.execute(new LinkHub(data, origin));
  }

  changeHub(data: ChangeHubData, origin: Origin, expectedVersion?: number): Promise<HubOutcome> {
    return this.bus.execute(new ChangeHub(data, origin, expectedVersion));
  }

  cordonHub(name: string, origin: Origin): Promise<HubOutcome> {
    return this.bus.execute(new CordonHub(name, origin));
  }

  uncordonHub(name: string, origin: Origin): Promise<HubOutcome> {
    return this.bus.execute(new UncordonHub(name, origin));
  }

  unlinkHub(name: string, origin: Origin): Promise<HubOutcome> {
    return this.bus.execute(new UnlinkHub(name, origin));
  }

  choosePolicy(data: { kind: AllocationPolicyKind; hubs: readonly string[] }, origin: Origin): Promise<PolicyOutcome> {
    return this.bus.execute(new ChooseAllocationPolicy(data, origin));
  }

  createEnrollment(wish: EnrollmentWish, origin: Origin): Promise<CreateEnrollmentOutcome> {
    return this.bus.execute(new CreateEnrollment(wish, origin));
  }

  enableEnrollment(
    data: { registrationId: string; enabled: boolean },
    origin: Origin,
    expectedVersion?: number,
  ): Promise<EnrollmentOutcome> {
    return this.bus.execute(new EnableEnrollment(data, origin, expectedVersion));
  }

  deleteEnrollment(registrationId: string, origin: Origin, expectedVersion?: number): Promise<EnrollmentOutcome> {
    return this.bus.execute(new DeleteEnrollment(registrationId, origin, expectedVersion));
  }
}
