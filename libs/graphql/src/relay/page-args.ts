import { type PageRequest } from '@berth/read-model';
import { ArgsType, Field, Int } from '@nestjs/graphql';
import { badInput } from '../bad-input.js';
import { keyOfCursor, type ListName } from './cursor.js';

/** Rows of one page. */
export const pageSize = { min: 1, max: 100 } as const;

@ArgsType()
export class PageArgs {
  @Field(() => Int, { nullable: true, description: `The first so many, ${pageSize.min}–${pageSize.max}.` })
  first?: number | null;
  @Field(() => String, { nullable: true, description: 'Only what comes after this cursor.' })
  after?: string | null;
  @Field(() => Int, { nullable: true, description: `The last so many, ${pageSize.min}–${pageSize.max}.` })
  last?: number | null;
  @Field(() => String, { nullable: true, description: 'Only what comes before this cursor.' })
  before?: string | null;
}

/** @throws GraphQLError BAD_USER_INPUT that says what to ask for instead. */
export function pageRequest(list: ListName, { first, after, last, before }: PageArgs): PageRequest {
  const hasFirst = first !== undefined && first !== null;
  const hasLast = last !== undefined && last !== null;
  if (hasFirst === hasLast) throw badInput(`Say how many: \`first\` or \`last\`, one of them, 1–${pageSize.max}.`);
  for (const [name, size] of [['first', first] as const, ['last', last] as const]) {
    if (size === undefined || size === null || (size >= pageSize.min && size <= pageSize.max)) continue;
    throw badInput(
      `\`${name}\` is ${size}: ask for ${pageSize.min}–${pageSize.max} at a time and go on with a cursor.`,
    );
  }
  return {
    ...(hasFirst && { first }),
    ...(hasLast && { last }),
    ...(typeof after === 'string' && { after: keyOfCursor(list, after) }),
    ...(typeof before === 'string' && { before: keyOfCursor(list, before) }),
  };
}
