import nx from '@nx/eslint-plugin';
import prettier from 'eslint-config-prettier';
import tseslint from 'typescript-eslint';

const drivers = ['kafkajs', '@eventstore/*', 'node:sqlite', 'pg', '@grpc/*'];
const frameworks = ['@nestjs/*', 'fastify', 'mercurius', 'rxjs', 'graphql'];

/** The floor plan of docs/architecture.md as rules: dependencies point one way, and only adapters know a driver. */
export const boundaries = {
  enforceBuildableLibDependency: false,
  allowCircularSelfDependency: false,
  depConstraints: [
    {
      sourceTag: 'type:domain',
      onlyDependOnLibsWithTags: ['type:testing'],
      bannedExternalImports: [...drivers, ...frameworks],
    },
    { sourceTag: 'type:platform', onlyDependOnLibsWithTags: [], bannedExternalImports: drivers },
    {
      sourceTag: 'type:adapter',
      onlyDependOnLibsWithTags: ['type:domain', 'type:platform', 'type:testing', 'type:adapter'],
    },
    {
      sourceTag: 'type:service',
      onlyDependOnLibsWithTags: ['type:domain', 'type:adapter', 'type:platform', 'type:testing'],
      bannedExternalImports: drivers,
    },
    {
      // GraphQL is a front: it dispatches the commands that another service handles.
      sourceTag: 'type:front',
      onlyDependOnLibsWithTags: ['type:domain', 'type:service', 'type:adapter', 'type:platform', 'type:testing'],
      bannedExternalImports: drivers,
    },
    {
      // Opens what the settings name: it knows every adapter, and only apps know it.
      sourceTag: 'type:engines',
      onlyDependOnLibsWithTags: ['type:adapter', 'type:platform', 'type:testing'],
      bannedExternalImports: drivers,
    },
    {
      sourceTag: 'type:app',
      onlyDependOnLibsWithTags: [
        'type:engines',
        'type:domain',
        'type:front',
        'type:service',
        'type:adapter',
        'type:platform',
        'type:testing',
      ],
    },
    { sourceTag: 'type:testing', onlyDependOnLibsWithTags: ['type:domain', 'type:adapter', 'type:platform'] },
  ],
};

export default tseslint.config(
  { ignores: ['**/dist/**', '**/node_modules/**', '.nx/**', '.berth/**', 'coverage/**'] },
  ...tseslint.configs.recommended,
  {
    files: ['**/*.ts', '**/*.js'],
    plugins: { '@nx': nx },
    // With both set, consistent-type-imports leaves alone what decorator metadata needs at run time.
    languageOptions: { parserOptions: { emitDecoratorMetadata: true, experimentalDecorators: true } },
    rules: {
      '@nx/enforce-module-boundaries': ['error', boundaries],
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports' }],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      eqeqeq: 'error',
      'no-restricted-syntax': [
        'error',
        {
          selector: "MemberExpression[object.object.name='process'][object.property.name='env']",
          message:
            'Only libs/platform and the main of an app read the environment: take the value from the configuration.',
        },
      ],
    },
  },
  {
    files: [
      '*.js',
      'tools/**',
      'docker/**',
      'libs/platform/**',
      'libs/testing/**',
      'apps/*/src/main.ts',
      '**/*.spec.ts',
      'apps/*/e2e/**',
    ],
    rules: { 'no-restricted-syntax': 'off' },
  },
  {
    // Nothing but specs, contract suites, what stands under test beside them, and the testing lib itself imports fakes and builders.
    files: ['apps/*/src/**/*.ts', 'libs/*/src/**/*.ts'],
    ignores: ['**/*.spec.ts', '**/*.contract.ts', '**/under-test/**', 'libs/testing/**'],
    rules: {
      'no-restricted-imports': [
        'error',
        {
          paths: [
            { name: '@berth/testing', message: 'Only specs import @berth/testing.' },
            { name: 'node:process', importNames: ['env'], message: 'Write process.env, so that its own rule sees it.' },
          ],
        },
      ],
    },
  },
  {
    // A decision reads no clock and no random source (design, section 3): time and ids come in with the command.
    files: ['libs/domain/src/**/*.ts'],
    ignores: ['**/*.spec.ts'],
    rules: {
      'no-restricted-properties': [
        'error',
        { object: 'Date', property: 'now', message: 'Time comes in with the command.' },
        { object: 'Math', property: 'random', message: 'A decision has no random source.' },
        { object: 'Math', property: 'log', message: 'Math.log is not portable: use integers.' },
      ],
    },
  },
  prettier,
);
