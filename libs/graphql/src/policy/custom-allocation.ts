import {
  type BuiltInPolicyKind,
  type CustomAllocation as Custom,
  maskedUrl,
  webhookApiVersion,
  webhookDeadlineMs,
} from '@berth/domain';
import { Field, InputType, Int, ObjectType, registerEnumType } from '@nestjs/graphql';

export const FallbackPolicyKind = {
  EVENLY_WEIGHTED: 'evenlyWeighted',
  STATIC: 'static',
  LOWEST_LATENCY: 'lowestLatency',
} as const satisfies Record<string, BuiltInPolicyKind>;
registerEnumType(FallbackPolicyKind, {
  name: 'FallbackPolicyKind',
  description: "What chooses in a webhook's place.",
});

@InputType({ description: 'With CUSTOM: whom to ask, in the shapes of the reference service.' })
export class CustomAllocationInput {
  @Field(() => String, {
    description:
      'https, or http on loopback, on a host that BERTH_WEBHOOK_HOSTS names. Calls are signed: keep keys out of it.',
  })
  webhookUrl!: string;
  @Field(() => String, { nullable: true, defaultValue: webhookApiVersion.byDefault })
  apiVersion?: string | null;
  @Field(() => FallbackPolicyKind, {
    nullable: true,
    description: 'What chooses when the answer is of no use. Null: the registration fails with 400207.',
  })
  fallback?: BuiltInPolicyKind | null;
  @Field(() => Int, {
    nullable: true,
    defaultValue: webhookDeadlineMs.byDefault,
    description: `How long an answer may take, ${webhookDeadlineMs.min}–${webhookDeadlineMs.max} ms.`,
  })
  deadlineMs?: number | null;
}

@ObjectType({ description: 'Whom CUSTOM asks, and what happens when the answer is of no use.' })
export class CustomAllocation implements Custom {
  @Field(() => String, { description: 'Its query is not shown.' })
  webhookUrl!: string;
  @Field(() => String)
  apiVersion!: string;
  @Field(() => FallbackPolicyKind, { nullable: true })
  fallback!: BuiltInPolicyKind | null;
  @Field(() => Int)
  deadlineMs!: number;
}

/** Undefined when the input leaves it open. */
export function customIn(input: CustomAllocationInput | null | undefined): Custom | null | undefined {
  if (!input) return input;
  const { webhookUrl, apiVersion, fallback, deadlineMs } = input;
  return {
    webhookUrl,
    apiVersion: apiVersion ?? webhookApiVersion.byDefault,
    fallback: fallback ?? null,
    deadlineMs: deadlineMs ?? webhookDeadlineMs.byDefault,
  };
}

export function customShown(custom: Custom | null | undefined): CustomAllocation | null {
  return custom ? { ...custom, webhookUrl: maskedUrl(custom.webhookUrl) } : null;
}
