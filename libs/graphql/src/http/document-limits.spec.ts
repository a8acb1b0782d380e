import { describe, expect, it } from '@jest/globals';
import { getIntrospectionQuery, parse } from 'graphql';
import { excess, limits } from './document-limits.js';

const messageOf = (text: string) => excess(parse(text))?.message;
const nested = (levels: number) => `{ ${'a { '.repeat(levels - 1)} a ${'} '.repeat(levels - 1)} }`;
const times = (count: number, write: (index: number) => string) =>
  Array.from({ length: count }, (_, i) => write(i)).join(' ');

describe('the limits of a document', () => {
  it('lie exactly where they are said to', () => {
    expect(messageOf(nested(limits.depth))).toBeUndefined();
    expect(messageOf(nested(limits.depth + 1))).toMatch(/13 levels, at most 12/);
    expect(messageOf(`{ ${times(limits.rootFields, () => 'a')} }`)).toBeUndefined();
    expect(messageOf(`{ ${times(limits.rootFields + 1, () => 'a')} }`)).toMatch(/101 root fields/);
    expect(messageOf(`mutation { ${times(4, () => 'enrollmentsCreate')} }`)).toBeUndefined();
    expect(messageOf(`mutation { ${times(4, () => 'enrollmentGroupsDelete')} a }`)).toMatch(/101 root fields/);
    expect(messageOf(`{ ${times(100, () => 'enrollments')} }`)).toBeUndefined();
    expect(messageOf(`{ a { ${times(limits.aliases, (i) => `b${i}: b`)} } }`)).toBeUndefined();
    expect(messageOf(`{ a { ${times(limits.aliases + 1, (i) => `b${i}: b`)} } }`)).toMatch(/101 aliases/);
    expect(messageOf(`{ a { ${times(limits.selections, () => 'b')} } }`)).toMatch(/1001 selections/);
  });

  it('cannot be walked around with fragments', () => {
    const chain = times(13, (i) => `fragment F${i} on T { a { ...F${i + 1} } }`);
    expect(messageOf(`{ ...F0 } ${chain} fragment F13 on T { a }`)).toMatch(/levels/);
    expect(messageOf(`{ ${times(101, () => '...F')} } fragment F on T { a }`)).toMatch(/101 root fields/);
    expect(messageOf(`{ ... on Query { ${nested(12).slice(1, -1)} } }`)).toBeUndefined();
  });

  it('are found at once, also where fragments double at every step', () => {
    const doubling = times(60, (i) => `fragment F${i} on T { ...F${i + 1} ...F${i + 1} }`);
    expect(messageOf(`{ ...F0 } ${doubling} fragment F60 on T { a }`)).toMatch(/root fields/);
  });

  it('end in circles, which are for validation to refuse, however often they are entered', () => {
    const doubling = times(60, (i) => `fragment F${i} on T { ...F${i + 1} ...F${i + 1} }`);
    expect(messageOf(`{ ...F0 } ${doubling} fragment F60 on T { ...F0 }`)).toBeUndefined();
    expect(messageOf('{ ...A } fragment A on T { ...B } fragment B on T { ...A a { ...B } }')).toBeUndefined();
  });

  it('leave room for the introspection of usual tools, not for more', () => {
    expect(messageOf(getIntrospectionQuery({ inputValueDeprecation: true, schemaDescription: true }))).toBeUndefined();
    expect(messageOf(`{ __schema ${'{ types '.repeat(20)} { name } ${'} '.repeat(20)} }`)).toMatch(/introspection/);
  });

  it('hold for every operation in the document', () => {
    expect(messageOf(`query A { a } query B ${nested(13)}`)).toMatch(/levels/);
  });
});
