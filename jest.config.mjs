const project = (name) => ({
  displayName: name,
  // Nothing else is looked at: .cache/ may have the files of whole systems.
  roots: ['<rootDir>/test', '<rootDir>/lib'],
  testMatch: [`<rootDir>/test/${name}/**/*.test.ts`],
  testEnvironment: 'node',
  // The sources import './x.js', as Node resolves it; jest reads './x.ts'.
  moduleNameMapper: { '^(\\.{1,2}/.*)\\.js$': '$1' },
  transform: { '\\.ts$': ['ts-jest', { tsconfig: '<rootDir>/test/tsconfig.json' }] },
})

export default {
  projects: ['unit', 'integration', 'process', 'examples'].map(project),
  cacheDirectory: '<rootDir>/build/jest-cache',
  // For what hangs: a test takes less than a second, but the machine may be busy.
  testTimeout: 60_000,
}
