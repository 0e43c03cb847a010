// The integration suite as it was compiled, in a guest or on this machine.
'use strict'

module.exports = {
  rootDir: '../..',
  roots: ['<rootDir>/test/kernels'],
  testMatch: ['<rootDir>/test/kernels/suite.test.cjs'],
  testEnvironment: 'node',
  transform: {},
  reporters: ['<rootDir>/test/kernels/reporter.cjs'],
  testTimeout: Math.max(60_000, 20_000 * Number(process.env.TEST_TIME_SCALE ?? 1)),
  cacheDirectory: '/tmp/jest-cache',
  watchman: false,
}
