import { Limits, type Origin, rowsAtOnce } from '@berth/control';
import { registrationKey } from '@berth/domain';
import { UseFilters } from '@nestjs/common';
import { CommandBus } from '@nestjs/cqrs';
import { Args, Context, Mutation, Resolver } from '@nestjs/graphql';
import { bulk } from '../bulk/bulk.js';
import { PassOn } from '../pass-on.filter.js';
import { RequestContext } from '../request-context.js';
import { createEnrollment, deleteEnrollment, refused, updateEnrollment } from './enrollment.commands.js';
import { type EnrollmentPayload } from './enrollment.types.js';
import { EnrollmentsCreateInput, EnrollmentsDeleteInput, EnrollmentsUpdateInput } from './enrollments.inputs.js';
import { EnrollmentsPayload } from './enrollments.types.js';

const each = 'Not atomic: each row comes out as if it had been asked for singly, rows of one id in their order.';

/** Mutations of many individual enrollments: many times the single one. */
@UseFilters(PassOn)
@Resolver()
export class EnrollmentsResolver {
  constructor(
    private readonly commands: CommandBus,
    private readonly limits: Limits,
  ) {}

  @Mutation(() => EnrollmentsPayload, { description: each })
  enrollmentsCreate(
    @Args('input', { type: () => EnrollmentsCreateInput }) { rows }: EnrollmentsCreateInput,
    @Context() { origin }: RequestContext,
  ): Promise<EnrollmentsPayload> {
    return this.each(rows, createEnrollment, origin);
  }

  @Mutation(() => EnrollmentsPayload, { description: `${each} With \`expectedVersion\` a row minds its version.` })
  enrollmentsUpdate(
    @Args('input', { type: () => EnrollmentsUpdateInput }) { rows }: EnrollmentsUpdateInput,
    @Context() { origin }: RequestContext,
  ): Promise<EnrollmentsPayload> {
    return this.each(rows, updateEnrollment, origin);
  }

  @Mutation(() => EnrollmentsPayload, { description: each })
  enrollmentsDelete(
    @Args('input', { type: () => EnrollmentsDeleteInput }) { rows }: EnrollmentsDeleteInput,
    @Context() { origin }: RequestContext,
  ): Promise<EnrollmentsPayload> {
    return this.each(rows, deleteEnrollment, origin);
  }

  private each<Row extends { registrationId: string }>(
    rows: readonly Row[],
    mutation: (commands: CommandBus, row: Row, origin: Origin) => Promise<EnrollmentPayload>,
    origin: Origin,
  ): Promise<EnrollmentsPayload> {
    return bulk(
      rows,
      {
        rowsMax: this.limits.bulkRowsMax,
        atOnceMax: rowsAtOnce,
        keyOf: ({ registrationId }) => registrationKey(registrationId),
        refused: ({ registrationId }, error) => ({ ...refused(error), registrationId }),
      },
      async (row) => ({ ...(await mutation(this.commands, row, origin)), registrationId: row.registrationId }),
    );
  }
}
