// Checks what types say of each other, so that whoever follows them finds an end:
// this library, and libbpf, which follows some without looking.
import type { BtfData } from './data.js'
import { COMMON_WORDS, isReference, KIND } from './format.js'

/** As deep as types contain each other by value; the kernel allows 32. */
const maxDepth = 64

const unknown = 0
/** Of a type whose contents are being looked at. */
const open = 255

/**
 * @throws {BpfError} `ERR_OBJECT_FORMAT` for a reference to what does not exist, names
 *   outside of the strings, types that contain themselves or are nested too deep,
 *   functions without a prototype, sections of what is no variable, and integers that
 *   have more bits than their bytes.
 */
export function validate(data: BtfData): void {
  // Calls would take most of the time of open(), as this is not compiled yet.
  const { words, starts, endId, endString, firstId } = data
  for (let index = firstId === 0 ? 1 : 0; index < starts.length; index++) {
    const start = starts[index] as number
    const info = words[start + 1] as number
    const kind = (info >>> 24) & 0x1f
    let at = start + COMMON_WORDS
    switch (kind) {
      case KIND.PTR:
      case KIND.TYPEDEF:
      case KIND.VOLATILE:
      case KIND.CONST:
      case KIND.RESTRICT:
      case KIND.VAR:
      case KIND.DECL_TAG:
      case KIND.TYPE_TAG:
        if ((words[start + 2] as number) >= endId) missing(data, start + 2)
        break
      case KIND.FUNC: {
        const id = words[start + 2] as number
        if (id >= endId) missing(data, start + 2)
        const prototype =
          id < firstId ? data.info(id) : (words[(starts[id - firstId] as number) + 1] as number)
        if (id === 0 || ((prototype >>> 24) & 0x1f) !== KIND.FUNC_PROTO) {
          throw data.malformedAt('a function has no prototype', start + 2)
        }
        break
      }
      case KIND.STRUCT:
      case KIND.UNION:
      case KIND.FUNC_PROTO: {
        if (kind === KIND.FUNC_PROTO && (words[start + 2] as number) >= endId) {
          missing(data, start + 2)
        }
        const stride = kind === KIND.FUNC_PROTO ? 2 : 3
        for (const end = at + stride * (info & 0xffff); at < end; at += stride) {
          if ((words[at] as number) >= endString) nameless(data, at)
          if ((words[at + 1] as number) >= endId) missing(data, at + 1)
        }
        break
      }
      case KIND.ENUM:
      case KIND.ENUM64: {
        const stride = kind === KIND.ENUM ? 2 : 3
        for (const end = at + stride * (info & 0xffff); at < end; at += stride) {
          if ((words[at] as number) >= endString) nameless(data, at)
        }
        break
      }
      case KIND.ARRAY:
        if ((words[at] as number) >= endId) missing(data, at)
        if ((words[at + 1] as number) >= endId) missing(data, at + 1)
        break
      case KIND.DATASEC:
        checkSection(data, at, at + 3 * (info & 0xffff))
        break
      case KIND.INT:
        checkInteger(data, start)
    }
  }
  new Depths(data).check()
}

function checkSection(data: BtfData, first: number, end: number): void {
  for (let at = first; at < end; at += 3) {
    const id = data.words[at] as number
    if (id >= data.endId) missing(data, at)
    const kind = data.kind(id)
    if (kind !== KIND.VAR && kind !== KIND.FUNC) {
      throw data.malformedAt('a section contains what is no variable', at)
    }
  }
}

function nameless(data: BtfData, at: number): never {
  throw data.malformedAt('a name lies outside its strings', at)
}

function missing(data: BtfData, at: number): never {
  throw data.malformedAt(`type ${String(data.words[at])} does not exist`, at)
}

function checkInteger(data: BtfData, start: number): void {
  const { words } = data
  const size = words[start + 2] as number
  if (size > 16) throw data.malformedAt('an integer is too large', start + 2)
  const encoding = words[start + COMMON_WORDS] as number
  const bits = (encoding & 0xff) + ((encoding >>> 16) & 0xff)
  if (bits > 8 * size) {
    throw data.malformedAt('an integer has more bits than its bytes', start + COMMON_WORDS)
  }
}

/** By kind: whether it contains others by value, as a member, an element or another name. */
const hasContents = Uint8Array.from({ length: 32 }, (_, kind) =>
  Number(
    isReference[kind] === 1 ||
      ([KIND.ARRAY, KIND.STRUCT, KIND.UNION, KIND.VAR] as number[]).includes(kind),
  ),
)

/** What was found for each, for the data that is split from it. */
const depthsOf = new WeakMap<BtfData, Uint8Array>()

/** How deep types contain others by value; that all have an end. */
class Depths {
  readonly #data: BtfData
  /** By id, from the first of this data on: those of the base were found before. */
  readonly #depths: Uint8Array

  constructor(data: BtfData) {
    this.#data = data
    this.#depths = new Uint8Array(data.starts.length)
    depthsOf.set(data, this.#depths)
  }

  check(): void {
    const { words, starts, firstId } = this.#data
    const depths = this.#depths
    for (let index = firstId === 0 ? 1 : 0; index < starts.length; index++) {
      if (depths[index] !== unknown) continue
      const start = starts[index] as number
      if (hasContents[((words[start + 1] as number) >>> 24) & 0x1f] === 0) depths[index] = 1
      else this.#find(index + firstId, start, 0)
    }
  }

  /** @param from The word that names the type, or its own first one. */
  #find(id: number, from: number, level: number): number {
    const data = this.#data
    const { words, firstId } = data
    const depths = this.#depths
    if (id === 0) return 0
    if (id < firstId) return depthInBase(data, id)
    const index = id - firstId
    const known = depths[index] as number
    if (known === open) throw data.malformedAt('a type contains itself', from)
    if (known !== unknown) return known
    if (level > maxDepth) throw data.malformedAt('its types are nested too deep', from)
    depths[index] = open
    const start = data.starts[index] as number
    const info = words[start + 1] as number
    // The ids of its contents are from here on, so far apart.
    const [first, stride, count] = contentsOf((info >>> 24) & 0x1f, start, info & 0xffff)
    let deepest = 0
    for (let at = first, left = count; left > 0; at += stride, left--) {
      const content = words[at] as number
      let depth = content < firstId ? unknown : (depths[content - firstId] as number)
      if (depth === unknown || depth === open) depth = this.#find(content, at, level + 1)
      if (depth > deepest) deepest = depth
    }
    if (deepest >= maxDepth) throw data.malformedAt('its types are nested too deep', from)
    depths[index] = deepest + 1
    return deepest + 1
  }
}

/** Where the ids of what a type contains by value are: the first, how far apart, how many. */
function contentsOf(kind: number, start: number, parts: number): [number, number, number] {
  const own = start + COMMON_WORDS
  if (kind === KIND.STRUCT || kind === KIND.UNION) return [own + 1, 3, parts]
  if (kind === KIND.ARRAY) return [own, 1, 1]
  return [start + 2, 1, isReference[kind] === 1 || kind === KIND.VAR ? 1 : 0]
}

function depthInBase({ base }: BtfData, id: number): number {
  while (base !== undefined && id < base.firstId) base = base.base
  return base === undefined ? 0 : (depthsOf.get(base)?.[id - base.firstId] ?? 0)
}
