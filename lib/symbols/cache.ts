/** What says how much memory it takes. */
export interface Sized {
  readonly bytes: number
}

/** Keeps what was used last, up to a number of bytes. */
export class Cache {
  readonly #maxBytes: number
  /** The one that was used last at the end. */
  readonly #entries = new Map<string, { value: Sized; bytes: number }>()
  #bytes = 0

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  /** Of all that it holds. */
  get bytes(): number {
    return this.#bytes
  }

  get<T extends Sized>(key: string, kind: abstract new (...args: never[]) => T): T | undefined {
    const entry = this.#entries.get(key)
    if (entry === undefined || !(entry.value instanceof kind)) return undefined
    this.#entries.delete(key)
    this.#entries.set(key, entry)
    return entry.value
  }

  /** Keeps a value, unless it alone is too large. Also for one that has grown. */
  set(key: string, value: Sized): void {
    this.delete(key)
    const bytes = value.bytes + 2 * key.length + entryBytes
    if (bytes > this.#maxBytes) return
    this.#entries.set(key, { value, bytes })
    this.#bytes += bytes
    for (const oldest of this.#entries.keys()) {
      if (this.#bytes <= this.#maxBytes) break
      this.delete(oldest)
    }
  }

  delete(key: string): void {
    this.#bytes -= this.#entries.get(key)?.bytes ?? 0
    this.#entries.delete(key)
  }
}

/** About what an entry itself takes. */
const entryBytes = 200
