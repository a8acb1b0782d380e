import { describe, expect, it } from '@jest/globals';
import { RevisionConflict, StoreRefused, StoreUnavailable } from '@berth/event-store';
import { LogFault } from '@berth/registration-log';
import { GraphQLError } from 'graphql';
import { badInput } from '../bad-input.js';
import { formatError } from './format-error.js';

const format = (error: unknown, phase: 'request' | 'execution' = 'execution') => formatError(error, phase, 'wish-1');
const thrownAt = (path: string[], originalError: Error) =>
  new GraphQLError(originalError.message, { path, originalError });

describe('an error as a client gets it', () => {
  it('says of a store that is away that asking again is safe, not what its stream is called', () => {
    const formatted = format(thrownAt(['hubLink'], new StoreUnavailable('An append to enrollment-x got no answer')));
    expect(formatted).toEqual({
      message: expect.stringContaining('asking again is safe'),
      path: ['hubLink'],
      extensions: { code: 'STORE_UNAVAILABLE', retriable: true },
    });
    expect(formatted.message).not.toContain('enrollment-x');
  });

  it('lets a lost race be run again', () => {
    const formatted = format(thrownAt(['hubLink'], new RevisionConflict('hub-a', 3)));
    expect(formatted.extensions).toEqual({ code: 'REVISION_CONFLICT', retriable: true });
  });

  it('says of a log that is away what it says of a store', () => {
    const formatted = format(thrownAt(['registrationRelease'], new LogFault('log-away', 'broker 1 at 10.1.2.3')));
    expect(formatted).toEqual({
      message: expect.stringContaining('asking again is safe'),
      path: ['registrationRelease'],
      extensions: { code: 'LOG_AWAY', retriable: true },
    });
  });

  it.each([
    ['a defect', new TypeError("Cannot read properties of undefined (reading 'secret')")],
    ['a refusal of the store', new StoreRefused('Access denied for user secret')],
    ['what is no error', 'secret'],
  ])('hides %s behind the correlation id', (_what, cause) => {
    const formatted = format(cause instanceof Error ? thrownAt(['hubs', 'nodes'], cause) : cause);
    expect(formatted.extensions).toEqual({ code: 'INTERNAL_SERVER_ERROR', correlationId: 'wish-1' });
    expect(JSON.stringify(formatted)).not.toMatch(/secret|stack/);
  });

  it('keeps what was written for the client', () => {
    const formatted = format(thrownAt(['hubs'], badInput('Say how many.')));
    expect(formatted).toEqual({ message: 'Say how many.', path: ['hubs'], extensions: { code: 'BAD_USER_INPUT' } });
  });

  it.each([
    ['Syntax Error: Expected Name', 'GRAPHQL_PARSE_FAILED'],
    ['Variable "$name" of required type "String!" was not provided.', 'BAD_USER_INPUT'],
    ['Cannot query field "nothing" on type "Query".', 'GRAPHQL_VALIDATION_FAILED'],
  ])('gives %j its code', (message, code) => {
    expect(format(new GraphQLError(message), 'request').extensions).toEqual({ code });
  });

  it('takes a broken promise of the schema for a defect', () => {
    const broken = thrownAt(['hub', 'name'], new Error('Cannot return null for non-nullable field Hub.name.'));
    expect(format(broken).extensions?.['code']).toBe('INTERNAL_SERVER_ERROR');
  });
});
