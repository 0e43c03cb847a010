// How long it takes to open, to load and to attach an object, against libbpf itself.
import { join } from 'node:path'
import { BpfObject } from 'bpf-ringbuf'
import { buildDir, Lines } from './processes.js'
import type { Measurement } from './types.js'

export const objects = {
  small: { path: 'bpf/exec-snoop.bpf.o', title: 'exec-snoop, 16 KB' },
  large: { path: 'bench/bpf/large.bpf.o', title: 'an object of 15 MB, types and a table' },
} as const

/** Milliseconds; the first time warms up. */
export async function openAndLoad(
  side: 'C' | 'BpfObject',
  object: keyof typeof objects,
): Promise<Measurement> {
  const path = join(buildDir, objects[object].path)
  let open = NaN
  let load = NaN
  if (side === 'C') {
    const child = new Lines('bench/native/open_load', [path])
    await child.next()
    ;[open = NaN, load = NaN] = (await child.numbers()).map((ns) => ns / 1e6)
    await child.end()
  } else {
    for (let run = 0; run < 2; run++) {
      const start = performance.now()
      using opened = BpfObject.open(path)
      open = performance.now() - start
      opened.load()
      load = performance.now() - start - open
    }
  }
  return { value: open + load, open, load }
}

/** Milliseconds, of exec-snoop, the first time in a process: in C, and through its typed module. */
export async function openLoadAndAttach(side: 'C' | 'module'): Promise<Measurement> {
  const child =
    side === 'C'
      ? new Lines('bench/native/open_load', [join(buildDir, objects.small.path), 'attach'])
      : new Lines(process.execPath, [
          join(buildDir, 'bench/open-module.js'),
          join(buildDir, 'examples/exec-snoop.bpf.js'),
        ])
  const parts = (await child.numbers()).map((ns) => ns / 1e6)
  await child.end()
  const [open = NaN, load = NaN, attach = NaN] = parts
  return { value: open + load + attach, open, load, attach }
}
