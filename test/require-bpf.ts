/** Why this process cannot load BPF programs; nothing when it can. */
const missing = process.getuid?.() === 0 ? undefined : 'BPF programs need root'

/**
 * A `describe` for tests that load BPF programs. Where that is impossible they
 * are skipped and say so; under REQUIRE_BPF=1 that is a failure.
 */
export function describeBpf(name: string, tests: () => void): void {
  if (missing === undefined) {
    describe(name, tests)
  } else if (process.env['REQUIRE_BPF'] === '1') {
    describe(name, () => {
      test('can load BPF programs', () => {
        throw new Error(`${missing}, and REQUIRE_BPF=1 forbids to skip`)
      })
    })
  } else {
    process.stderr.write(`skipped: ${name}: ${missing}\n`)
    describe.skip(name, tests)
  }
}
