// Which fields a value need not have to be written: those that share their bytes with others,
// as the members of a C union do that are flattened into their struct. One member is enough,
// and it is all its fields where it is a struct itself.
import type { Alternative, Alternatives, BitsShape, Field, Shape, StructShape } from './type.js'

/** As BTF says it; without that, of fields that share bits each is a member. */
export function alternativesOf({ fields, alternatives }: StructShape): Alternatives {
  return alternatives ?? overlapping(fields)
}

/** Whether a field may be missing, as a field of another member is given. */
export function isReplaced(path: readonly Alternative[], given: Record<string, unknown>): boolean {
  return path.some((own) =>
    own.all.some(
      (other) => other !== own && other.fields.some((name) => given[name] !== undefined),
    ),
  )
}

function overlapping(fields: readonly Field[]): Alternatives {
  const found = new Map<string, Alternative[]>()
  let group: Alternative[] = []
  let groupEnd = 0
  const close = (): void => {
    if (group.length < 2) return
    for (const own of group) for (const name of own.fields) found.set(name, [own])
  }
  const ranges = fields.map((field) => ({ field, range: bitRange(field) }))
  for (const { field, range } of ranges.sort((a, b) => a.range[0] - b.range[0])) {
    const [start, end] = range
    if (start >= groupEnd) {
      close()
      group = []
    }
    group.push({ fields: [field.name], all: group })
    groupEnd = Math.max(groupEnd, end)
  }
  close()
  return found
}

/** Where it lies, in bits: one without a length has no end. */
export function bitRange({ offset, type: { shape, size } }: Field): [start: number, end: number] {
  const start = 8 * offset
  const { bitOffset, width } = bitsOf(shape) ?? {
    bitOffset: 0,
    width: size === 0 ? Infinity : 8 * size,
  }
  return [start + bitOffset, start + bitOffset + width]
}

/** Of a bit-field, also of one that is read as something else than a number. */
function bitsOf(shape: Shape): BitsShape | undefined {
  while (shape.kind === 'map') ({ shape } = shape.type)
  return shape.kind === 'bits' ? shape : undefined
}
