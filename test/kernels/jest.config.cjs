// The integration suite as it was compiled, in a guest or on this machine.
'use strict'

/** Of a reader's life in JavaScript, of every method in every state, and of opening. */
const sameOnEveryKernel = [
  ...['/reader-life', '/iterator\\.', '/waiting\\.', '/stats\\.', '-phases\\.'],
  ...[
    '/tagged\\.',
    '/skeleton\\.',
    '/perf-buffer\\.',
    '/topologies\\.',
    '/map-differential\\.',
    '/symbols\\.',
    '/object\\.',
    '/open\\.',
    '/globals\\.',
  ],
]

module.exports = {
  rootDir: '../..',
  roots: ['<rootDir>/test'],
  testMatch: ['<rootDir>/test/integration/*.test.js'],
  testPathIgnorePatterns: process.env.SUITES === 'quick' ? sameOnEveryKernel : [],
  testEnvironment: 'node',
  transform: {},
  reporters: ['<rootDir>/test/kernels/reporter.cjs'],
  testTimeout: 20_000 * Number(process.env.TEST_TIME_SCALE ?? 1),
  cacheDirectory: '/tmp/jest-cache',
  watchman: false,
}
