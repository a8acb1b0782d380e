import { DeprovisionDevice } from '@berth/control';
import { UseFilters } from '@nestjs/common';
import { CommandBus } from '@nestjs/cqrs';
import { Args, Context, Field, InputType, Mutation, ObjectType, Resolver } from '@nestjs/graphql';
import { payloadOf } from '../enrollment/enrollment.commands.js';
import { Enrollment, type EnrollmentSource } from '../enrollment/enrollment.types.js';
import { PassOn } from '../pass-on.filter.js';
import { Payload, positionText } from '../payload.js';
import { RequestContext } from '../request-context.js';

@InputType()
export class DeviceDeprovisionInput {
  @Field(() => String)
  registrationId!: string;
}

@ObjectType()
export class DeviceDeprovisionPayload extends Payload {
  @Field(() => Enrollment, {
    nullable: true,
    description: 'The enrollment that keeps the device out; null when refused.',
  })
  enrollment!: EnrollmentSource | null;
  @Field(() => String, {
    nullable: true,
    description: 'The hub that has one device less; null when the device was on none, or nothing was done.',
  })
  releasedFrom!: string | null;
}

@UseFilters(PassOn)
@Resolver()
export class DeviceDeprovisionResolver {
  constructor(private readonly commands: CommandBus) {}

  @Mutation(() => DeviceDeprovisionPayload, {
    description:
      'Shuts a device out and forgets its registration: its individual enrollment is disabled, or made for that where it came through a group, and its hub has one device less. Asking again is safe. Berth writes to no hub yet: what the hub itself knows of the device stays. To let it in again, enable the enrollment, or delete one that was made for this.',
  })
  async deviceDeprovision(
    @Args('input', { type: () => DeviceDeprovisionInput }) { registrationId }: DeviceDeprovisionInput,
    @Context() { origin }: RequestContext,
  ): Promise<DeviceDeprovisionPayload> {
    const outcome = await this.commands.execute(new DeprovisionDevice(registrationId, origin));
    if (!outcome.ok) return { ...payloadOf(outcome), releasedFrom: null };
    const { enrollment, hub: releasedFrom, position } = outcome;
    return { ...payloadOf(enrollment), releasedFrom, position: positionText(position) };
  }
}
