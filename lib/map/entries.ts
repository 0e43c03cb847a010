// The entries of a map: one, many, and all of them in turn.
import type { NativeMapHandle } from '../addon/map-handle.js'
import { BpfError, checkOptions, invalidType } from '../errors/errors.js'
import { EntryCodec, type EntryTypes, type Part } from './codec.js'
import type { KernelMap } from './kernel-map.js'
import { deletesAnything, isFixed, isIndexed, isKeyless } from './kinds.js'
import { Walk } from './walk.js'

/** When `set()` stores a value. */
export interface SetOptions {
  /** `any`, the default; `noexist`, only a new key; `exist`, only one that is there. */
  flags?: 'any' | 'noexist' | 'exist' | undefined
}

/** How `push()` stores a value. */
export interface PushOptions {
  /** When a queue or stack is full, the oldest value goes. */
  replace?: boolean | undefined
}

/** BPF_ANY, BPF_NOEXIST, BPF_EXIST */
const setFlags = new Map<unknown, number>([
  ['any', 0],
  ['noexist', 1],
  ['exist', 2],
])

const ENOENT = -2
const EINVAL = -22

/** What entries are read and written by. Positions of keys and values are the map's. */
export class Entries {
  readonly map: KernelMap
  readonly types: EntryTypes
  readonly codec: EntryCodec
  readonly #native: NativeMapHandle
  readonly #key: string
  readonly #value: string
  readonly #isKeyless: boolean

  constructor(map: KernelMap, types: EntryTypes) {
    this.map = map
    this.types = types
    this.codec = new EntryCodec(types)
    this.#native = map.handle('read')
    this.#key = `the key of ${map.target}`
    this.#value = `the value of ${map.target}`
    this.#isKeyless = isKeyless(map.type)
  }

  get(key: unknown): unknown {
    const { map, codec } = this
    this.#writeKey(key, 'get from')
    const result = this.#native.lookup(map.keyAt, map.valueAt)
    if (result === 0) return codec.readValue(map.memory, map.valueAt)
    if (result === ENOENT) return undefined
    throw map.failure('get from', result)
  }

  has(key: unknown): boolean {
    const { map } = this
    if (map.type === 'bloom_filter') return this.#mayContain(key)
    this.#writeKey(key, 'look up in')
    const result = this.#native.lookup(map.keyAt, map.valueAt)
    if (result !== 0 && result !== ENOENT) throw map.failure('look up in', result)
    return result === 0
  }

  set(key: unknown, value: unknown, options: SetOptions | undefined): void {
    const { map, codec } = this
    const flags = options === undefined ? 0 : flagsOf(options)
    if (this.#isKeyless) throw this.#keyless('set')
    const use = ++map.uses
    const { memory } = map
    codec.writeKey(memory, map.keyAt, key, this.#key)
    codec.writeValue(memory, map.valueAt, value, this.#value)
    if (map.uses !== use) throw reentered(map, 'set')
    const result = this.#native.update(map.keyAt, map.valueAt, flags)
    if (result !== 0) throw map.failure('set in', result)
  }

  delete(key: unknown): boolean {
    const { map } = this
    if (isFixed(map.type)) throw this.#fixed('delete from')
    this.#writeKey(key, 'delete from')
    const isThere =
      !deletesAnything(map.type) || this.#native.lookup(map.keyAt, map.valueAt) !== ENOENT
    const result = this.#native.delete(map.keyAt)
    if (result === 0) return isThere
    // Of slots that are empty the kernel says that the argument is wrong.
    if (result === ENOENT || (result === EINVAL && this.types.descriptors)) return false
    throw map.failure('delete from', result)
  }

  take(key: unknown): unknown {
    const { map, codec } = this
    if (isFixed(map.type)) throw this.#fixed('take from')
    this.#writeKey(key, 'take from')
    const result = this.#native.take(map.keyAt, map.valueAt)
    if (result === 0) return codec.readValue(map.memory, map.valueAt)
    if (result === ENOENT) return undefined
    throw map.failure('take from', result)
  }

  push(value: unknown, options: PushOptions): void {
    const { map } = this
    checkOptions(options, ['replace'])
    const { replace = false } = options
    if (typeof replace !== 'boolean') throw invalidType('a boolean', 'replace', replace)
    if (!this.#isKeyless) throw this.#keyed('push to')
    this.#writeValue(value, 'push to')
    // BPF_EXIST: the oldest one makes room.
    const result = this.#native.push(map.valueAt, replace ? 2 : 0)
    if (result !== 0) throw map.failure('push to', result)
  }

  pop(): unknown {
    return this.#readHead('pop from')
  }

  peek(): unknown {
    return this.#readHead('peek at')
  }

  getMany(keys: Iterable<unknown>): unknown[] {
    const { map, codec } = this
    const operation = 'get from'
    const values: unknown[] = []
    this.#inChunks(keys, operation, (chunk, list) => {
      this.#writeKeys(list, chunk.keys, operation)
      const { keys: at, values: valuesAt, found } = chunk
      const result = this.#native.lookupMany(at, list.length, valuesAt, found)
      if (result !== 0) throw map.failure(operation, result)
      const { memory } = map
      for (let i = 0; i < list.length; i++) {
        const isThere = memory.u8[found + i] === 1
        const valueAt = valuesAt + i * codec.valueBytes
        values.push(isThere ? codec.readValue(memory, valueAt) : undefined)
      }
    })
    return values
  }

  setMany(entries: Iterable<readonly [unknown, unknown]>, options: SetOptions | undefined): void {
    const { map, codec } = this
    const { keySize, valueBytes } = codec
    const operation = 'set in'
    const flags = options === undefined ? 0 : flagsOf(options)
    let before = 0
    this.#inChunks(entries, operation, (chunk, list) => {
      const use = ++map.uses
      const { memory } = map
      for (let i = 0; i < list.length; i++) {
        const entry: unknown = list[i]
        if (!Array.isArray(entry) || entry.length !== 2) {
          throw invalidType('a list of key and value', `entry ${String(before + i)}`, entry)
        }
        codec.writeKey(memory, chunk.keys + i * keySize, entry[0], this.#key)
        codec.writeValue(memory, chunk.values + i * valueBytes, entry[1], this.#value)
      }
      if (map.uses !== use) throw reentered(map, 'set')
      const result = this.#native.updateMany(chunk.keys, chunk.values, list.length, flags)
      const done = before + (memory.u32[0] as number)
      if (result !== 0) throw this.#partly(operation, result, done)
      before = done
    })
  }

  deleteMany(keys: Iterable<unknown>): number {
    const { map } = this
    const operation = 'delete from'
    if (isFixed(map.type)) throw this.#fixed(operation)
    let deleted = 0
    this.#inChunks(keys, operation, (chunk, list) => {
      if (deletesAnything(map.type)) {
        for (const key of list) deleted += this.delete(key) ? 1 : 0
        return
      }
      this.#writeKeys(list, chunk.keys, operation)
      const result = this.#native.deleteMany(chunk.keys, list.length)
      deleted += map.memory.u32[0] as number
      if (result !== 0) throw map.failure(operation, result)
    })
    return deleted
  }

  walk(part: Part): Walk {
    if (this.#isKeyless) throw this.#keyless('iterate over')
    return new Walk(this, part, false)
  }

  takeAll(): unknown[] {
    if (isFixed(this.map.type)) throw this.#fixed('take from')
    if (this.#isKeyless) throw this.#keyless('take from')
    const all: unknown[] = []
    if (isIndexed(this.map.type)) {
      for (const entry of this.walk('entries')) all.push(entry)
      this.#emptySlots()
      return all
    }
    const walk = new Walk(this, 'entries', true)
    for (let some = walk.chunk(); some !== undefined; some = walk.chunk()) {
      for (const entry of some) all.push(entry)
    }
    return all
  }

  count(): number {
    const { map } = this
    if (this.#isKeyless) throw this.#keyless('count')
    if (isFixed(map.type)) return map.facts('count')[3] as number
    const walk = new Walk(this, 'count', false)
    let count = 0
    for (let some = walk.chunk(); some !== undefined; some = walk.chunk()) count += some.length
    return count
  }

  clear(): void {
    const { map } = this
    if (map.type === 'bloom_filter') throw this.#keyless('clear')
    if (this.#isKeyless) {
      let left = map.facts('clear')[3] as number
      while (left-- > 0 && this.pop() !== undefined);
    } else if (isFixed(map.type)) {
      this.#zeroAll()
    } else if (isIndexed(map.type)) {
      this.#emptySlots()
    } else {
      const walk = new Walk(this, 'count', true, 'clear')
      while (walk.chunk() !== undefined);
    }
  }

  #zeroAll(): void {
    const { map, codec } = this
    const size = map.facts('clear')[3] as number
    const { count, keys, values } = map.chunk()
    map.uses++
    const { memory } = map
    memory.u8.fill(0, values, values + count * codec.valueBytes)
    for (let first = 0; first < size; first += count) {
      const some = Math.min(count, size - first)
      for (let i = 0; i < some; i++) memory.u32[keys / 4 + i] = first + i
      const result = this.#native.updateMany(keys, values, some, 0)
      if (result !== 0) throw map.failure('clear', result)
    }
  }

  /** Of maps that do not say which of their slots are in use. */
  #emptySlots(): void {
    const { map } = this
    const size = map.facts('clear')[3] as number
    map.uses++
    const { memory } = map
    for (let index = 0; index < size; index++) {
      memory.u32[map.keyAt / 4] = index
      const result = this.#native.delete(map.keyAt)
      if (result !== 0 && result !== ENOENT && result !== EINVAL) throw map.failure('clear', result)
    }
  }

  #readHead(operation: 'pop from' | 'peek at'): unknown {
    const { map, codec } = this
    if (!this.#isKeyless || map.type === 'bloom_filter') throw this.#keyed(operation)
    map.uses++
    const { memory } = map
    const result =
      operation === 'pop from' ? this.#native.pop(map.valueAt) : this.#native.peek(map.valueAt)
    if (result === 0) return codec.readValue(memory, map.valueAt)
    if (result === ENOENT) return undefined
    throw map.failure(operation, result)
  }

  /** Of a bloom filter. */
  #mayContain(value: unknown): boolean {
    const { map } = this
    this.#writeValue(value, 'look up in')
    const result = this.#native.peek(map.valueAt)
    if (result !== 0 && result !== ENOENT) throw map.failure('look up in', result)
    return result === 0
  }

  #writeKey(key: unknown, operation: string): void {
    const { map } = this
    if (this.#isKeyless) throw this.#keyless(operation)
    const use = ++map.uses
    this.codec.writeKey(map.memory, map.keyAt, key, this.#key)
    if (map.uses !== use) throw reentered(map, operation)
  }

  #writeValue(value: unknown, operation: string): void {
    const { map } = this
    const use = ++map.uses
    this.codec.writeValue(map.memory, map.valueAt, value, this.#value)
    if (map.uses !== use) throw reentered(map, operation)
  }

  #writeKeys(keys: readonly unknown[], at: number, operation: string): void {
    const { map, types } = this
    const use = ++map.uses
    const { memory } = map
    keys.forEach((key, i) => this.codec.writeKey(memory, at + i * types.keySize, key, this.#key))
    if (map.uses !== use) throw reentered(map, operation)
  }

  /** Goes through a list that may use the map itself while it is gone through. */
  #inChunks<T>(
    items: Iterable<T>,
    operation: string,
    each: (chunk: ReturnType<KernelMap['chunk']>, list: T[]) => void,
  ): void {
    const { map } = this
    if (this.#isKeyless) throw this.#keyless(operation)
    if (typeof (items as Iterable<T> | undefined)?.[Symbol.iterator] !== 'function') {
      const what = operation === 'set in' ? 'entries' : 'keys'
      throw invalidType('an iterable', `the ${what} to ${operation} ${map.target}`, items)
    }
    map.handle(operation)
    let list: T[] = []
    const flush = (): void => {
      each(map.chunk(), list)
      list = []
    }
    const most = map.chunk().count
    for (const item of items) {
      list.push(item)
      if (list.length === most) flush()
    }
    if (list.length > 0) flush()
  }

  #partly(operation: string, errno: number, done: number): BpfError {
    const { code, message, target, hint = '' } = this.map.failure(operation, errno)
    const problem = message.slice(`Cannot ${operation} ${target}: `.length)
    const before =
      done === 1 ? '1 entry before this one was' : `${String(done)} entries before this one were`
    return new BpfError(code, problem.slice(0, hint === '' ? undefined : -hint.length - 2), {
      operation,
      target,
      errno,
      hint: `${hint === '' ? '' : `${hint}. `}The ${before} set`,
    })
  }

  #keyless(operation: string): BpfError {
    const { type } = this.map
    return this.#unfit(operation, `a map of type ${type} has no keys`, keylessHint(type))
  }

  #keyed(operation: string): BpfError {
    const { type } = this.map
    if (type === 'bloom_filter')
      return this.#unfit(operation, 'nothing is read from it', keylessHint(type))
    return this.#unfit(operation, `a map of type ${type} has keys`, 'Use get() and set()')
  }

  #fixed(operation: string): BpfError {
    const problem = `the entries of a map of type ${this.map.type} stay`
    return this.#unfit(operation, problem, 'Set them to zero, as clear() does with all')
  }

  #unfit(operation: string, problem: string, hint: string): BpfError {
    const { target } = this.map
    // Before: what is closed is neither this nor that.
    this.map.handle(operation)
    return new BpfError('ERR_MAP_TYPE', problem, { operation, target, hint })
  }
}

function keylessHint(type: string): string {
  return type === 'bloom_filter' ? 'Use push() and has()' : 'Use push(), pop() and peek()'
}

function flagsOf(options: SetOptions): number {
  checkOptions(options, ['flags'])
  const { flags = 'any' } = options
  const bits = setFlags.get(flags)
  if (bits === undefined) throw invalidType("'any', 'noexist' or 'exist'", 'flags', flags)
  return bits
}

function reentered(map: KernelMap, operation: string): BpfError {
  return new BpfError('ERR_STATE', 'a getter of what is written used the same map', {
    operation,
    target: map.target,
  })
}
