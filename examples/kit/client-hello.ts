// The first thing that a TLS client says, RFC 8446 section 4.1.2, as far as it is in the clear.

export interface ClientHello {
  /** Whom it wants to talk to; null when it does not say. */
  readonly serverName: string | null
  /** Which protocols it offers inside (ALPN), such as h2. */
  readonly protocols: string[]
  /** The newest version of TLS that it offers, such as 1.3. */
  readonly version: string
  /** Whether it says more where only the server can read it (ECH). */
  readonly isEncrypted: boolean
}

const versions = new Map([
  [0x0301, '1.0'],
  [0x0302, '1.1'],
  [0x0303, '1.2'],
  [0x0304, '1.3'],
])

const extensionTypes = { serverName: 0, protocols: 16, versions: 43, encrypted: 0xfe0d }

/** Reads numbers and parts that have their length before them; of what is not there, nothing. */
class Reader {
  #bytes: Buffer

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  }

  get isAtEnd(): boolean {
    return this.#bytes.length === 0
  }

  take(size: number): Buffer {
    const part = this.#bytes.subarray(0, size)
    this.#bytes = this.#bytes.subarray(size)
    return part
  }

  number(size: 1 | 2): number {
    const part = this.take(size)
    return part.length < size ? 0 : part.readUIntBE(0, size)
  }

  part(size: 1 | 2): Reader {
    return new Reader(this.take(this.number(size)))
  }

  get rest(): Buffer {
    return this.#bytes
  }
}

/** Extensions by their type. */
function* extensionsOf(hello: Uint8Array): Generator<[type: number, body: Reader]> {
  const reader = new Reader(hello)
  // The headers of the record and of the message, the version, and the random.
  reader.take(5 + 4 + 2 + 32)
  reader.part(1) // session
  reader.part(2) // ciphers
  reader.part(1) // compressions
  const extensions = reader.part(2)
  while (!extensions.isAtEnd) yield [extensions.number(2), extensions.part(2)]
}

/** Of its bytes from the header of the record on; what was cut off is as if it were not there. */
export function parseClientHello(hello: Uint8Array): ClientHello {
  let serverName: string | null = null
  let version = new Reader(hello.subarray(9)).number(2)
  let isEncrypted = false
  const protocols: string[] = []
  for (const [type, body] of extensionsOf(hello)) {
    if (type === extensionTypes.encrypted) isEncrypted = true
    if (type === extensionTypes.serverName) {
      const names = body.part(2)
      // There is no other kind than 0.
      if (names.number(1) === 0) serverName = names.part(2).rest.toString('latin1') || null
    }
    if (type === extensionTypes.protocols) {
      const list = body.part(2)
      while (!list.isAtEnd) protocols.push(list.part(1).rest.toString('latin1'))
    }
    if (type === extensionTypes.versions) {
      const list = body.part(1)
      // Some are noise, which keeps servers from being surprised by new ones.
      while (!list.isAtEnd) {
        const offered = list.number(2)
        if (versions.has(offered)) version = Math.max(version, offered)
      }
    }
  }
  return { serverName, protocols, version: versions.get(version) ?? '?', isEncrypted }
}

/** A part of a hello as a program records it: its packet may hold less than the whole. */
export interface Piece {
  readonly interface: number
  readonly flow: {
    readonly client: Uint8Array
    readonly server: Uint8Array
    readonly client_port: number
    readonly server_port: number
  }
  /** Of the whole hello, where this is its beginning; else 0. */
  readonly total: number
  readonly size: number
  readonly data: Uint8Array
}

/** Puts hellos together that are in several packets. */
export class Hellos {
  readonly #begun = new Map<string, { total: number; parts: Uint8Array[] }>()
  readonly #seen = new Map<string, Date>()

  /** Gives one that is whole, once: a packet may pass several devices. */
  add(piece: Piece, time: Date): Uint8Array | undefined {
    const { client, server, client_port, server_port } = piece.flow
    const addresses = Buffer.concat([client, server]).toString('hex')
    const flow = `${piece.interface} ${addresses} ${client_port} ${server_port}`
    const data = piece.data.slice(0, piece.size)
    if (piece.total > 0) this.#begun.set(flow, { total: piece.total, parts: [] })
    const hello = this.#begun.get(flow)
    if (hello === undefined) return undefined
    hello.parts.push(data)
    const bytes = Buffer.concat(hello.parts)
    if (bytes.length < hello.total) {
      forgetOldest(this.#begun)
      return undefined
    }
    this.#begun.delete(flow)
    return this.#isNew(flow.slice(flow.indexOf(' ')), time) ? bytes : undefined
  }

  #isNew(flow: string, time: Date): boolean {
    const before = this.#seen.get(flow)?.getTime() ?? 0
    this.#seen.delete(flow)
    this.#seen.set(flow, time)
    forgetOldest(this.#seen)
    return time.getTime() - before > 1000
  }
}

function forgetOldest(map: Map<string, unknown>): void {
  const [oldest] = map.keys()
  if (oldest !== undefined && map.size > 4096) map.delete(oldest)
}
