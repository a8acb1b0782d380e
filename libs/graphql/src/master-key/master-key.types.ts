import { type MasterKeyUse } from '@berth/domain';
import { Field, InputType, Int, ObjectType, registerEnumType } from '@nestjs/graphql';
import { ExpectedVersion } from '../expected-version.js';
import { Payload } from '../payload.js';

export const MasterKeyState = { IN_USE: 'inUse', ROTATING: 'rotating' } as const satisfies Record<
  string,
  Exclude<MasterKeyUse['status'], 'none'>
>;
registerEnumType(MasterKeyState, {
  name: 'MasterKeyState',
  valuesMap: {
    IN_USE: { description: 'Every data key was wrapped by it when the last rotation ended, or there was none.' },
    ROTATING: { description: 'Data keys are being wrapped by it; those before it are needed still.' },
  },
});

@ObjectType({
  description: 'The key by which the data keys of all secrets are wrapped. Itself it is nowhere but in the settings.',
})
export class MasterKeyInUse {
  @Field(() => String, { description: 'Tells master keys apart.' })
  masterKeyId!: string;
  @Field(() => MasterKeyState)
  state!: Exclude<MasterKeyUse['status'], 'none'>;
  @Field(() => Int, { description: 'Data keys that the last rotation has wrapped anew so far.' })
  rewrapped!: number;
  @Field(() => Int, {
    description:
      'Data keys that it met and no key at hand opens: their secrets are lost unless the key that wrapped them is found.',
  })
  unopenable!: number;
  @Field(() => Int, { description: 'Counts what is recorded of it: what `expectedVersion` is compared with.' })
  version!: number;
}

@InputType()
export class MasterKeyRotateInput extends ExpectedVersion {}

@ObjectType()
export class MasterKeyPayload extends Payload {
  @Field(() => MasterKeyInUse, { nullable: true, description: 'Null when refused.' })
  masterKey!: MasterKeyInUse | null;
}

/** Null where nothing is recorded. */
export function masterKeyOf(use: MasterKeyUse, version: number): MasterKeyInUse | null {
  if (use.status === 'none') return null;
  const { masterKeyId, status: state, rewrapped, unopenable } = use;
  return { masterKeyId, state, rewrapped, unopenable, version };
}
