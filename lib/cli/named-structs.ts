// Structs and unions by their names, also by those that a typedef gives them.
import { BtfReader } from '../btf/reader.js'

/** By their names, the first of each: the ids that {@link composite} gives. */
export function namedStructs(btf: BtfReader): Map<string, number> {
  const named = new Map<string, number>()
  for (let id = btf.firstId; id < btf.typeCount; id++) {
    const kind = btf.kind(id)
    if (kind !== 'struct' && kind !== 'union' && kind !== 'typedef') continue
    const name = btf.name(id)
    if (name === '' || named.has(name)) continue
    const struct = composite(btf, id)
    // typedef struct { … } event: otherwise the struct has a name of its own.
    if (struct === undefined || (kind === 'typedef' && btf.name(struct) !== '')) continue
    if (kind === 'typedef' && btf.type(id).kind === 'array') continue
    named.set(name, struct)
  }
  return named
}

/** The id of the struct or union that a type is, or is an array of; nothing of others. */
export function composite(btf: BtfReader, id: number): number | undefined {
  for (;;) {
    const declared = btf.declaration(id)
    switch (declared.kind) {
      case 'struct':
      case 'union':
        return id
      case 'typedef':
      case 'type tag':
      case 'const':
      case 'volatile':
      case 'restrict':
        id = declared.to
        break
      case 'array':
        id = declared.element
        break
      default:
        return undefined
    }
  }
}

let kernelNames: Set<string> | undefined

/** The names of the kernel's structs; none when it does not say them. */
export function kernelStructs(): ReadonlySet<string> {
  if (kernelNames === undefined) {
    try {
      kernelNames = new Set(BtfReader.kernel().names('struct', 'union', 'typedef'))
    } catch {
      kernelNames = new Set()
    }
  }
  return kernelNames
}
