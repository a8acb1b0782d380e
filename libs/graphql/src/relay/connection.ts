import { countedMax, type Page } from '@berth/read-model';
import { type Type } from '@nestjs/common';
import { Field, Int, ObjectType } from '@nestjs/graphql';
import { cursorOf, type ListName } from './cursor.js';

@ObjectType()
export class PageInfo {
  @Field(() => Boolean)
  hasNextPage!: boolean;
  @Field(() => Boolean)
  hasPreviousPage!: boolean;
  @Field(() => String, { nullable: true })
  startCursor!: string | null;
  @Field(() => String, { nullable: true })
  endCursor!: string | null;
}

export interface Connection<Node> {
  edges: { cursor: string; node: Node }[];
  nodes: Node[];
  pageInfo: PageInfo;
  totalCount: number;
}

/** The Relay connection type of a node type, to be extended by a class that carries its name. */
export function connectionOf<Node>(name: string, node: Type<Node>): Type<Connection<Node>> {
  @ObjectType(`${name}Edge`)
  class Edge {
    @Field(() => String)
    cursor!: string;
    @Field(() => node)
    node!: Node;
  }

  @ObjectType({ isAbstract: true })
  class ConnectionType implements Connection<Node> {
    @Field(() => [Edge])
    edges!: Edge[];
    @Field(() => [node], { description: 'The nodes of the edges, for whoever needs no cursors.' })
    nodes!: Node[];
    @Field(() => PageInfo)
    pageInfo!: PageInfo;
    @Field(() => Int, {
      description: `All that match, whatever the page; a filter by prefix counts up to ${countedMax}.`,
    })
    totalCount!: number;
  }
  return ConnectionType;
}

export function connection<Row, Node>(
  list: ListName,
  { rows, hasNextPage, hasPreviousPage, totalCount }: Page<Row>,
  nodeOf: (row: Row) => Node,
  keyOf: (row: Row) => string,
): Connection<Node> {
  const edges = rows.map((row) => ({ cursor: cursorOf(list, keyOf(row)), node: nodeOf(row) }));
  const [startCursor, endCursor] = [edges[0]?.cursor ?? null, edges.at(-1)?.cursor ?? null];
  return {
    edges,
    nodes: edges.map(({ node }) => node),
    pageInfo: { hasNextPage, hasPreviousPage, startCursor, endCursor },
    totalCount,
  };
}
