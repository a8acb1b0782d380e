import { describe, expect, it } from '@jest/globals';
import { buildSchema, parse, validate } from 'graphql';
import { readFileSync } from 'node:fs';
import { documents } from './berth-client.js';

const schema = buildSchema(readFileSync(new URL('../../graphql/schema.graphql', import.meta.url), 'utf8'));

describe("the client's documents", () => {
  it.each(Object.entries(documents))('%s is valid against the schema', (_name, document) => {
    expect(validate(schema, parse(document))).toEqual([]);
  });
});
