import { type ImportMode as Mode, type ImportStatus } from '@berth/domain';
import { type OperationRow } from '@berth/read-model';
import { Field, Int, ObjectType, registerEnumType } from '@nestjs/graphql';
import { Node } from '../node/node.js';
import { connectionOf } from '../relay/connection.js';
import { globalId } from '../relay/global-id.js';
import { DateTime } from '../scalars.js';

export const OperationState = {
  RECEIVING: 'receiving',
  INTERRUPTED: 'interrupted',
  COMPLETED: 'completed',
} as const satisfies Record<string, ImportStatus>;
registerEnumType(OperationState, {
  name: 'OperationState',
  valuesMap: {
    RECEIVING: {
      description: 'Rows come in; or the process that received them has died, and the rest may be sent again.',
    },
    INTERRUPTED: { description: 'The rest is waited for.' },
    COMPLETED: { description: 'All rows are done, or refused with an error each.' },
  },
});

export const ImportMode = {
  CREATE: 'create',
  CREATE_OR_UPDATE: 'createOrUpdate',
} as const satisfies Record<string, Mode>;
registerEnumType(ImportMode, { name: 'ImportMode' });

@ObjectType({ implements: () => [Node], description: 'An import of enrollments: `PUT /imports/<name>`.' })
export class Operation implements Node {
  readonly __typename = 'Operation';
  id!: string;
  @Field(() => String)
  name!: string;
  @Field(() => OperationState)
  state!: ImportStatus;
  @Field(() => ImportMode)
  mode!: Mode;
  @Field(() => Int, { description: 'Lines of the file that are done.' })
  rows!: number;
  @Field(() => String, { description: 'What they take in the file: the rest begins there. A decimal number.' })
  bytes!: string;
  @Field(() => Int)
  created!: number;
  @Field(() => Int)
  changed!: number;
  @Field(() => Int, { description: 'Rows whose enrollment was as they say already.' })
  unchanged!: number;
  @Field(() => Int, { description: '`GET /imports/<name>/errors` says which and why.' })
  refused!: number;
  @Field(() => String, { nullable: true, description: 'Why it was interrupted.' })
  reason!: string | null;
  @Field(() => String, { description: 'Who began it: the name of an API key.' })
  startedBy!: string;
  @Field(() => DateTime)
  createdAt!: string;
  @Field(() => DateTime)
  updatedAt!: string;
}

@ObjectType()
export class OperationConnection extends connectionOf('Operation', Operation) {}

export function operationOf({ status: state, bytes, version: _, ...row }: OperationRow): Operation {
  return { __typename: 'Operation', id: globalId('Operation', row.name), state, bytes: String(bytes), ...row };
}
