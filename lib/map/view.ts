// The memory of an array that is mapped into this process.
import { BpfError, checkInteger } from '../errors/errors.js'
import { Memory } from '../types/memory.js'
import { padded } from './codec.js'
import type { Entries } from './entries.js'

const EPERM = -1
const EINVAL = -22
const EACCES = -13
const EOPNOTSUPP = -95

/**
 * The values of an array with `BPF_F_MMAPABLE`, in the memory that programs have
 * before them. A value of 8 bytes or less is read and written in one step; of a larger
 * one a program may see a part. The memory stays mapped until nobody has it any more.
 */
export class MapView<V = unknown> {
  /** The number of values. */
  readonly length: number
  /** From one value to the next: its size, rounded up to 8. */
  readonly strideBytes: number
  /** All values, live. A typed array over its `buffer` is one for values of 8 bytes. */
  readonly bytes: Uint8Array
  readonly #entries: Entries
  readonly #memory: Memory
  readonly #scratch: Memory

  private constructor(entries: Entries, buffer: ArrayBuffer) {
    const { valueSize } = entries.types
    this.#entries = entries
    this.strideBytes = padded(valueSize)
    this.length = buffer.byteLength / this.strideBytes
    this.bytes = new Uint8Array(buffer)
    this.#memory = new Memory(buffer)
    this.#scratch = Memory.ofSize(this.strideBytes)
  }

  /** @internal */
  static of<V>(entries: Entries): MapView<V> {
    const { map } = entries
    const operation = 'map'
    const handle = map.handle(operation)
    const buffer = handle.mmap()
    if (typeof buffer !== 'number') return new MapView<V>(entries, buffer)
    const details = { operation, target: map.target, errno: buffer }
    if (buffer === EPERM || buffer === EACCES) {
      const { frozen } = map.state(operation)
      const problem = frozen ? 'it is frozen' : 'it is read-only'
      throw new BpfError('ERR_STATE', problem, details)
    }
    if (buffer === EOPNOTSUPP || buffer === EINVAL || buffer === -524) {
      throw new BpfError('ERR_MAP_TYPE', 'it is no array with BPF_F_MMAPABLE', {
        ...details,
        hint: 'Declare it so: __uint(map_flags, BPF_F_MMAPABLE)',
      })
    }
    throw map.failure(operation, buffer)
  }

  /** A copy of a value. */
  get(index: number): V {
    return this.#entries.codec.readValue(this.#memory, this.#position(index)) as V
  }

  /** Writes one value, which the programs see at once. */
  set(index: number, value: V): void {
    const at = this.#position(index)
    const { codec, types, map } = this.#entries
    const scratch = this.#scratch
    codec.writeValue(scratch, 0, value, `the value of ${map.target}`)
    const { valueSize: size } = types
    const memory = this.#memory
    if (size === 8) memory.u64[at / 8] = scratch.u64[0] as bigint
    else if (size === 4) memory.u32[at / 4] = scratch.u32[0] as number
    else if (size === 2) memory.u16[at / 2] = scratch.u16[0] as number
    else memory.u8.set(scratch.u8.subarray(0, size), at)
  }

  /** Copies of all values. */
  *[Symbol.iterator](): Generator<V, void> {
    for (let index = 0; index < this.length; index++) yield this.get(index)
  }

  #position(index: number): number {
    return checkInteger(index, 'the index of a view', 0, this.length - 1) * this.strideBytes
  }
}
