/** One Jest process for the whole workspace: on two cores, process start costs more than the specs themselves. */
const swc = {
  swcrc: false,
  jsc: {
    target: 'es2024',
    parser: { syntax: 'typescript', decorators: true },
    transform: { legacyDecorator: true, decoratorMetadata: true },
    keepClassNames: true,
  },
  module: { type: 'es6' },
  sourceMaps: 'inline',
};

const areContainersThere = process.env.BERTH_CONTAINERS === '1';

/** @type {import('jest').Config} */
export default {
  roots: ['<rootDir>/apps', '<rootDir>/libs', '<rootDir>/tools', '<rootDir>/docker', '<rootDir>/examples'],
  // The container suites want an engine and images: tools/test-containers.ts sees to both and runs them.
  testMatch: areContainersThere ? ['**/*.container.spec.ts'] : ['**/*.spec.ts', '!**/*.container.spec.ts'],
  testPathIgnorePatterns: process.env.BERTH_LONG === '1' ? [] : ['\\.long\\.spec\\.ts$'],
  testEnvironment: 'node',
  testEnvironmentOptions: { customExportConditions: ['@berth/source', 'node', 'node-addons'] },
  extensionsToTreatAsEsm: ['.ts'],
  moduleNameMapper: { '^(\\.{1,2}/.*)\\.js$': '$1' },
  transform: { '^.+\\.ts$': ['@swc/jest', swc] },
  transformIgnorePatterns: ['/node_modules/(?!@berth/)'],
  modulePathIgnorePatterns: ['/dist/'],
  setupFiles: ['reflect-metadata'],
  // With --coverage only the domain is measured, and held to: every rule is there, and none needs more than a function call.
  coverageProvider: 'v8',
  collectCoverageFrom: ['libs/domain/src/**/*.ts', '!**/*.spec.ts', '!**/under-test/**', '!**/index.ts'],
  coverageThreshold: { global: { lines: 95 } },
  coverageReporters: [['text', { skipFull: true }]],
  reporters: ['default', '<rootDir>/tools/jest-tally.js'],
  // Generous, for the machines are small and shared; a test that waits has a shorter deadline of its own.
  testTimeout: 60_000,
  maxWorkers: areContainersThere ? 1 : 2,
};
