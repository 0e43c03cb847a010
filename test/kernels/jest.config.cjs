// The integration suite as it was compiled, in a guest or on this machine.
'use strict'

module.exports = {
  rootDir: '../..',
  roots: ['<rootDir>/test'],
  testMatch: ['<rootDir>/test/integration/*.test.js'],
  testEnvironment: 'node',
  transform: {},
  reporters: ['<rootDir>/test/kernels/reporter.cjs'],
  testTimeout: 5000 * Number(process.env.TEST_TIME_SCALE ?? 1),
  cacheDirectory: '/tmp/jest-cache',
  watchman: false,
}
