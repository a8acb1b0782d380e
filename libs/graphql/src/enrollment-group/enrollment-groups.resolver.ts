import { Limits, type Origin } from '@berth/control';
import { registrationKey } from '@berth/domain';
import { UseFilters } from '@nestjs/common';
import { CommandBus } from '@nestjs/cqrs';
import { Args, Context, Mutation, Resolver } from '@nestjs/graphql';
import { bulk } from '../bulk/bulk.js';
import { PassOn } from '../pass-on.filter.js';
import { RequestContext } from '../request-context.js';
import { createGroup, deleteGroup, refused, updateGroup } from './enrollment-group.commands.js';
import { type EnrollmentGroupPayload } from './enrollment-group.types.js';
import {
  EnrollmentGroupsCreateInput,
  EnrollmentGroupsDeleteInput,
  EnrollmentGroupsUpdateInput,
} from './enrollment-groups.inputs.js';
import { EnrollmentGroupsPayload } from './enrollment-groups.types.js';

const each = 'Not atomic: each row comes out as if it had been asked for singly, one after the other.';

/** One at a time: each new group wants to know how many there are, and a hundred of a kind is the usual quota. */
const groupsAtOnce = 1;

/** Mutations of many enrollment groups: many times the single one. */
@UseFilters(PassOn)
@Resolver()
export class EnrollmentGroupsResolver {
  constructor(
    private readonly commands: CommandBus,
    private readonly limits: Limits,
  ) {}

  @Mutation(() => EnrollmentGroupsPayload, { description: each })
  enrollmentGroupsCreate(
    @Args('input', { type: () => EnrollmentGroupsCreateInput }) { rows }: EnrollmentGroupsCreateInput,
    @Context() { origin }: RequestContext,
  ): Promise<EnrollmentGroupsPayload> {
    return this.each(rows, createGroup, origin);
  }

  @Mutation(() => EnrollmentGroupsPayload, { description: `${each} With \`expectedVersion\` a row minds its version.` })
  enrollmentGroupsUpdate(
    @Args('input', { type: () => EnrollmentGroupsUpdateInput }) { rows }: EnrollmentGroupsUpdateInput,
    @Context() { origin }: RequestContext,
  ): Promise<EnrollmentGroupsPayload> {
    return this.each(rows, updateGroup, origin);
  }

  @Mutation(() => EnrollmentGroupsPayload, { description: each })
  enrollmentGroupsDelete(
    @Args('input', { type: () => EnrollmentGroupsDeleteInput }) { rows }: EnrollmentGroupsDeleteInput,
    @Context() { origin }: RequestContext,
  ): Promise<EnrollmentGroupsPayload> {
    return this.each(rows, deleteGroup, origin);
  }

  private each<Row extends { name: string }>(
    rows: readonly Row[],
    mutation: (commands: CommandBus, row: Row, origin: Origin) => Promise<EnrollmentGroupPayload>,
    origin: Origin,
  ): Promise<EnrollmentGroupsPayload> {
    return bulk(
      rows,
      {
        rowsMax: this.limits.bulkRowsMax,
        atOnceMax: groupsAtOnce,
        keyOf: ({ name }) => registrationKey(name),
        refused: ({ name }, error) => ({ ...refused(error), name }),
      },
      async (row) => ({ ...(await mutation(this.commands, row, origin)), name: row.name }),
    );
  }
}
