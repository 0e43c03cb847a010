import type { SystemFacts } from '../../lib/machine/facts.js'

/** A machine on which everything works. */
export const able: SystemFacts = {
  kernelRelease: '6.1.0-13-amd64',
  lastCapability: 40,
  capabilities: (1n << 41n) - 1n,
  boundingSet: (1n << 41n) - 1n,
  userNamespace: false,
  seccompFilter: false,
  kernelBtf: true,
  tracefs: true,
  kprobes: true,
  maxSampleRate: 100_000,
  lockdown: 'none',
}
