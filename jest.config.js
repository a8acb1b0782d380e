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

/** @type {import('jest').Config} */
export default {
  roots: ['<rootDir>/apps', '<rootDir>/libs', '<rootDir>/tools'],
  testMatch: ['**/*.spec.ts'],
  testPathIgnorePatterns: process.env.BERTH_LONG === '1' ? [] : ['\\.long\\.spec\\.ts$'],
  testEnvironment: 'node',
  testEnvironmentOptions: { customExportConditions: ['@berth/source', 'node', 'node-addons'] },
  extensionsToTreatAsEsm: ['.ts'],
  moduleNameMapper: { '^(\\.{1,2}/.*)\\.js$': '$1' },
  transform: { '^.+\\.ts$': ['@swc/jest', swc] },
  transformIgnorePatterns: ['/node_modules/(?!@berth/)'],
  modulePathIgnorePatterns: ['/dist/'],
  setupFiles: ['reflect-metadata'],
  reporters: ['default', '<rootDir>/tools/jest-tally.js'],
  // Generous, for the machines are small and shared; a test that waits has a shorter deadline of its own.
  testTimeout: 60_000,
  maxWorkers: 2,
};
