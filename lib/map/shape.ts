// The shape of a map, which another one has to have to be used in its place.
import { flagsOfBits } from './kinds.js'
import type { KernelMap } from './kernel-map.js'

/** In what another map is not as one is declared; nothing when it is the same. */
export function shapeDifferences(declared: KernelMap, other: KernelMap): string | undefined {
  const native = declared.declared
  if (native === undefined) return undefined
  const [, keySize = 0, valueSize = 0, maxEntries = 0, flags = 0] = other.facts('reuse')
  const [declaredFlags = 0] = native.declared()
  const rows: [what: string, there: string | number, here: string | number][] = [
    ['type', other.type, declared.type],
    ['keySize', keySize, native.keySize()],
    ['valueSize', valueSize, native.valueSize()],
    ['maxEntries', maxEntries, native.maxEntries()],
    ['flags', nameFlags(flags), nameFlags(declaredFlags)],
  ]
  const differing = rows.filter(([, there, here]) => there !== here)
  if (differing.length === 0) return undefined
  return differing
    .map(([what, there, here]) => `${what} ${String(there)} there and ${String(here)} here`)
    .join(', ')
}

function nameFlags(bits: number): string {
  const names = flagsOfBits(bits)
  return names.length === 0 ? 'none' : names.join('+')
}
