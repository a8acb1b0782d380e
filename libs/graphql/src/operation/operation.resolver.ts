import { ReadModel } from '@berth/read-model';
import { UseFilters } from '@nestjs/common';
import { Args, Query, Resolver } from '@nestjs/graphql';
import { PassOn } from '../pass-on.filter.js';
import { connection } from '../relay/connection.js';
import { PageArgs, pageRequest } from '../relay/page-args.js';
import { Operation, OperationConnection, operationOf } from './operation.types.js';

@UseFilters(PassOn)
@Resolver(() => Operation)
export class OperationResolver {
  constructor(private readonly readModel: ReadModel) {}

  @Query(() => Operation, { nullable: true })
  async operation(@Args('name', { type: () => String }) name: string): Promise<Operation | null> {
    const row = await this.readModel.operation(name);
    return row && operationOf(row);
  }

  @Query(() => OperationConnection, { description: 'Imports by name; names that Berth made up sort by time.' })
  async operations(@Args() page: PageArgs) {
    const rows = await this.readModel.operations(pageRequest('operations', page));
    return connection('operations', rows, operationOf, ({ name }) => name);
  }
}
