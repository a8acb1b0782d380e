import { describe, expect, it } from '@jest/globals';
import { ESLint } from 'eslint';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

/** Lints text as if it stood in that file, and gives the names of the rules that fired. */
async function rulesBrokenBy(file: string, text: string): Promise<string[]> {
  const eslint = new ESLint({ cwd: root });
  const [result] = await eslint.lintText(text, { filePath: `${root}${file}` });
  return (result?.messages ?? []).map(({ ruleId }) => String(ruleId));
}

const boundary = '@nx/enforce-module-boundaries';

describe('the boundary rules bite', () => {
  it.each([
    ['the domain importing an adapter', 'libs/domain/src/x.ts', "import '@berth/event-store';", boundary],
    ['the domain importing a framework', 'libs/domain/src/x.ts', "import '@nestjs/common';", boundary],
    ['the domain importing a driver', 'libs/domain/src/x.ts', "import 'kafkajs';", boundary],
    ['a service importing a driver', 'libs/control/src/x.ts', "import '@eventstore/db-client';", boundary],
    ['a service importing another service', 'libs/edge/src/x.ts', "import '@berth/control';", boundary],
    ['an adapter importing a service', 'libs/read-model/src/x.ts', "import '@berth/graphql';", boundary],
    ['a service importing the engines', 'libs/edge/src/x.ts', "import '@berth/engines';", boundary],
    ['the engines importing a service', 'libs/engines/src/x.ts', "import '@berth/allocator';", boundary],
    ['the platform importing an adapter', 'libs/platform/src/x.ts', "import '@berth/read-model';", boundary],
    ['a relative path into another project', 'libs/control/src/x.ts', "import '../../domain/src/index.js';", boundary],
    [
      'code other than specs importing the testing lib',
      'libs/control/src/x.ts',
      "import '@berth/testing';",
      'no-restricted-imports',
    ],
    [
      'a lib other than platform reading the environment',
      'libs/control/src/x.ts',
      "export const a = process.env['A'];",
      'no-restricted-syntax',
    ],
    [
      'a decision reading the clock',
      'libs/domain/src/x.ts',
      'export const a = Date.now();',
      'no-restricted-properties',
    ],
  ])('on %s', async (_what, file, text, rule) => {
    expect(await rulesBrokenBy(file, text)).toContain(rule);
  });

  it.each([
    ['a service importing the domain', 'libs/control/src/x.ts', "import '@berth/domain';"],
    ['an adapter importing its driver', 'libs/event-store/src/x.ts', "import '@eventstore/db-client';"],
    ['a spec importing the testing lib', 'libs/control/src/x.spec.ts', "import '@berth/testing';"],
    ['an app importing a service', 'apps/berth/src/x.ts', "import '@berth/graphql';"],
  ])('and let pass %s', async (_what, file, text) => {
    expect(await rulesBrokenBy(file, text)).toEqual([]);
  });
});
