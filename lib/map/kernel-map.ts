// A map, whatever its entries are read as: what an object declares, and what the
// kernel has.
import { readFileSync } from 'node:fs'
import type { NativeMap } from '../addon/map.js'
import type { NativeMapHandle } from '../addon/map-handle.js'
import type { Session } from '../addon/session.js'
import { trust } from '../btf/trusted.js'
import { Btf } from '../types/btf.js'
import { BpfError, closed, describeErrno } from '../errors/errors.js'
import { failure } from '../machine/failure.js'
import type { Described } from '../types/layout.js'
import { Memory } from '../types/memory.js'
import { padded } from './codec.js'
import type { ProducerCounts } from './counters.js'
import { hasFlag, holdsSockets, whatItTakes } from './kinds.js'

/** What a map knows of the object that it belongs to. */
export interface MapOwner {
  /** The object's name. */
  readonly name: string
  readonly session: Session
  readonly btf: Btf | undefined
  readonly globals: Record<string, unknown>
}

const EPERM = -1
const ENOENT = -2
const E2BIG = -7
const EBADF = -9
const EEXIST = -17
const ENOSPC = -28
const EOPNOTSUPP = -95
const EINVAL = -22
const ENODATA = -61
const ENOTSOCK = -88
const ENOTSUPP = -524

/** Where things are in a map's memory. */
export interface Chunk {
  count: number
  keys: number
  values: number
  /** A byte for each key. */
  found: number
}

/** Of the kernel's answer to one call; more entries than a turn of the loop should take. */
const chunkBytes = 128 * 1024
const largestChunk = 4096
const leastChunk = 16
/** Entries so large that a chunk has but one of them. */
const largeBytes = 2 ** 20

export class KernelMap {
  /** Nothing when it stands alone. */
  readonly owner: MapOwner | undefined
  /** What the object declares. */
  readonly declared: NativeMap | undefined
  readonly name: string
  readonly type: string
  /** BPF_F_* of linux/bpf.h. */
  readonly mapFlags: number
  /** The ids of the key's and the value's type in the object's BTF. libbpf forgets some at load. */
  readonly #typeIds: readonly number[]
  /** Where the last reader in this thread left it, and what was counted by then. */
  leftAt: { readonly position: number; readonly counts: ProducerCounts } | undefined
  /** The object whose programs write it, as far as that is known. */
  describedBy: Described | undefined
  /**
   * Counts uses of the memory: a getter of a value that is being written may use
   * the same map.
   */
  uses = 0
  /** Where a single key and value are, and what a walk keeps. */
  keyAt = 0
  valueAt = 0
  positionAt = 0
  #handle: NativeMapHandle | undefined
  #memory: Memory | undefined
  #closed = false
  #keyBytes = 0
  #valueBytes = 0
  #chunk: Chunk | undefined
  #kernelBtf: Btf | null | undefined
  readonly #atClose = new Set<() => void>()

  constructor(
    part: { owner: MapOwner; declared: NativeMap } | { handle: NativeMapHandle },
    name?: string,
  ) {
    if ('owner' in part) {
      this.owner = part.owner
      this.declared = part.declared
      const [flags = 0, , ...typeIds] = part.declared.declared()
      this.mapFlags = flags
      this.#typeIds = typeIds
      this.describedBy = part.owner
      this.name = part.declared.name()
      this.type = part.declared.type()
    } else {
      this.owner = undefined
      this.declared = undefined
      const facts = part.handle.info()
      this.mapFlags = facts[4] ?? 0
      this.#typeIds = facts.slice(8)
      this.#handle = part.handle
      this.name = name ?? part.handle.name()
      this.type = part.handle.type()
      this.#prepare(part.handle)
    }
  }

  /** How messages call it. */
  get target(): string {
    return this.name === '' ? `a map of type ${this.type}` : `map "${this.name}"`
  }

  get closed(): boolean {
    return this.owner === undefined ? this.#closed : this.owner.session.phase === 'closed'
  }

  /** Whether there is such a map in the kernel, for this process. */
  get isUsable(): boolean {
    return this.owner === undefined ? !this.#closed : this.owner.session.phase === 'loaded'
  }

  get btf(): Btf | undefined {
    return this.owner === undefined ? this.#btfOfKernel() : this.owner.btf
  }

  /** @throws {BpfError} `ERR_CLOSED`, `ERR_STATE`. */
  handle(operation: string): NativeMapHandle {
    if (this.#handle !== undefined && this.isUsable) return this.#handle
    const { owner, declared } = this
    if (owner === undefined || declared === undefined) throw closed(operation, this.target)
    owner.session.checkPhase(operation, this.target, 'loaded')
    const handle = declared.handle()
    if (typeof handle === 'number') {
      if (handle !== EBADF) throw failure(operation, this.target, handle)
      throw new BpfError('ERR_STATE', 'load() did not create it', {
        operation,
        target: this.target,
      })
    }
    this.#handle = handle
    this.#prepare(handle)
    return handle
  }

  /**
   * Lets types that are given be checked against the map's own BTF: where there is such,
   * and the kernel shows it, which takes CAP_SYS_ADMIN.
   */
  describeByItself(): void {
    // Of a map that stands alone libbpf asks nobody else.
    if (this.#typeIds.every((id) => id === 0)) return
    const { btf, name } = this
    if (btf !== undefined) this.describedBy = { name, kind: 'map', btf }
  }

  /** The id in `btf` of what a key or a value is, or 0. */
  btfId(part: 'key' | 'value'): number {
    return this.#typeIds[part === 'key' ? 0 : 1] ?? 0
  }

  /** What the kernel says it is: id, keySize, valueSize, maxEntries, flags, … */
  facts(operation: string): number[] {
    return this.handle(operation).info()
  }

  /** The memory of all calls. It is another one after {@link chunk} made it larger. */
  get memory(): Memory {
    return this.#memory ?? this.#grow(this.#singleBytes)
  }

  /**
   * Room for many keys and values.
   *
   * @param count As many as are good for one call, unless it is given.
   */
  chunk(count = this.#usualCount()): Chunk {
    const chunk = this.#chunk
    if (chunk !== undefined && chunk.count >= count) return chunk
    const keys = this.#singleBytes
    const values = keys + padded(count * this.#keyBytes)
    const found = values + padded(count * this.#valueBytes)
    this.#grow(found + count)
    return (this.#chunk = { count, keys, values, found })
  }

  /** Calls back before the map goes away; the result ends that. */
  beforeClose(callback: () => void): () => void {
    if (this.owner !== undefined) return this.owner.session.beforeClose(callback)
    this.#atClose.add(callback)
    return () => {
      this.#atClose.delete(callback)
    }
  }

  /** Does nothing to a map of an object. */
  close(): void {
    if (this.owner !== undefined || this.#closed) return
    for (const callback of this.#atClose) callback()
    this.#atClose.clear()
    this.#closed = true
    this.#handle?.close()
  }

  /** The error for what the kernel answered. */
  failure(operation: string, errno: number): BpfError {
    const { target, type } = this
    const details = { operation, target, errno }
    if (errno === ENOSPC && holdsSockets(type)) {
      return new BpfError('ERR_MAP_TYPE', 'its values are too short for what is read', {
        ...details,
        hint: 'Declare them with 8 bytes, as __u64: cookies of sockets are read',
      })
    }
    switch (errno) {
      case EBADF:
        if (this.isUsable) break
        // Says why.
        this.handle(operation)
        break
      case EPERM: {
        const reason = this.#whyReadOnly()
        if (reason === undefined) break
        return new BpfError('ERR_STATE', reason, details)
      }
      case ENOENT:
        return new BpfError('ERR_NOT_FOUND', 'it has no such key', details)
      case EEXIST:
        return new BpfError('ERR_EXISTS', 'it has such a key already', details)
      case E2BIG:
      case ENOSPC:
        return new BpfError('ERR_FULL', this.#fullReason(), details)
      case ENODATA:
        return new BpfError('ERR_KERNEL', 'it is not known how many CPUs there may be', {
          ...details,
          hint: 'Mount sysfs: see /sys/devices/system/cpu/possible',
        })
      case ENOTSUPP:
      case EOPNOTSUPP:
        return new BpfError('ERR_MAP_TYPE', `a map of type ${type} does not have that`, details)
    }
    const hint = [EBADF, EINVAL, ENOTSOCK].includes(errno)
      ? whatItTakes(type, this.#keyBytes)
      : undefined
    if (hint === undefined) return failure(operation, target, errno)
    return new BpfError('ERR_KERNEL', describeErrno(errno), { ...details, hint })
  }

  get #singleBytes(): number {
    return padded(this.valueAt + this.#valueBytes)
  }

  #prepare(handle: NativeMapHandle): void {
    const [, keyBytes = 0] = handle.info()
    this.#keyBytes = keyBytes
    this.#valueBytes = Math.max(0, handle.valueBytes())
    // The first word is what native code answers.
    this.positionAt = 8
    this.keyAt = 8 + Math.max(8, padded(keyBytes))
    this.valueAt = this.keyAt + padded(keyBytes)
  }

  #usualCount(): number {
    const each = this.#keyBytes + this.#valueBytes
    if (each > largeBytes) return 1
    return Math.max(leastChunk, Math.min(largestChunk, Math.floor(chunkBytes / (each + 1))))
  }

  #grow(sizeBytes: number): Memory {
    const buffer = this.handle('use').memory(sizeBytes)
    if (typeof buffer === 'number') throw this.failure('use', buffer)
    return (this.#memory = new Memory(buffer))
  }

  #fullReason(): string {
    const [, , , maxEntries = 0] = this.facts('use')
    const count = `${String(maxEntries)} ${maxEntries === 1 ? 'entry' : 'entries'}`
    return /array|^(dev|sock|cpu|xsk)map$/.test(this.type)
      ? `it has room for ${count}, and the key is beyond`
      : `it is full, it has room for ${count}`
  }

  #whyReadOnly(): string | undefined {
    const { flags, frozen } = this.state('use')
    if (frozen) return 'it is frozen'
    if (hasFlag(flags, 'rdonly')) return 'it is read-only'
    return hasFlag(flags, 'wronly') ? 'it is write-only' : undefined
  }

  /** What else the kernel says, in /proc. */
  state(operation: string): { flags: number; frozen: boolean; memoryBytes: number | undefined } {
    const [, , , , flags = 0] = this.facts(operation)
    const text = readFdInfo(this.handle(operation).fd())
    const memory = /^memlock:\s*(\d+)$/m.exec(text)?.[1]
    return {
      flags,
      frozen: /^frozen:\s*1$/m.test(text),
      memoryBytes: memory === undefined ? undefined : Number(memory),
    }
  }

  #btfOfKernel(): Btf | undefined {
    if (this.#kernelBtf === undefined) {
      const bytes = this.#handle?.btf()
      this.#kernelBtf = null
      if (bytes !== undefined) {
        try {
          this.#kernelBtf = new Btf(trust(bytes))
        } catch {
          // Of kinds that only a newer kernel knows.
        }
      }
    }
    return this.#kernelBtf ?? undefined
  }
}

function readFdInfo(fd: number): string {
  try {
    return readFileSync(`/proc/self/fdinfo/${String(fd)}`, 'utf8')
  } catch {
    return '' // /proc is not mounted
  }
}
