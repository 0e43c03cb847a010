// File systems of the kernel, mounted for a test.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Mounts one for the tests around it; gives its directory once they run. */
export function mounted(type: 'bpf' | 'cgroup2'): () => string {
  let directory: string
  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), `${type}-`))
    execFileSync('mount', ['-t', type, type, directory])
  })
  afterAll(() => {
    execFileSync('umount', [directory])
    rmdirSync(directory)
  })
  return () => directory
}
