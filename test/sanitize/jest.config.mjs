// The integration suite on the addon in the package root SANITIZED_ROOT.
import './not-preloaded.cjs'
import base from '../../jest.config.mjs'

const integration = base.projects.find(({ displayName }) => displayName === 'integration')

export default {
  ...integration,
  rootDir: '../..',
  moduleNameMapper: {
    ...integration.moduleNameMapper,
    '^bindings$': '<rootDir>/test/sanitize/bindings.cjs',
  },
  // What it adds is other programs, and time.
  testPathIgnorePatterns: ['/tools\\.test\\.ts$'],
  cacheDirectory: '<rootDir>/build/jest-cache',
  testTimeout: base.testTimeout,
}
