// Memory, under all the views through which C values are read.

/** What Node's Buffer has besides the documented methods. */
export interface ByteReader extends Buffer {
  latin1Slice(start: number, end: number): string
  utf8Slice(start: number, end: number): string
}

/** Whether this machine stores the lowest byte first. */
export const littleEndian = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1

export const hostIsBigEndian = !littleEndian

/** One ArrayBuffer; its length is a multiple of 8. */
export class Memory {
  readonly buf: ByteReader
  readonly view: DataView
  readonly u8: Uint8Array
  readonly i8: Int8Array
  readonly u16: Uint16Array
  readonly i16: Int16Array
  readonly u32: Uint32Array
  readonly i32: Int32Array
  readonly u64: BigUint64Array
  readonly i64: BigInt64Array

  constructor(buffer: ArrayBuffer) {
    this.buf = Buffer.from(buffer) as ByteReader
    this.view = new DataView(buffer)
    this.u8 = new Uint8Array(buffer)
    this.i8 = new Int8Array(buffer)
    this.u16 = new Uint16Array(buffer)
    this.i16 = new Int16Array(buffer)
    this.u32 = new Uint32Array(buffer)
    this.i32 = new Int32Array(buffer)
    this.u64 = new BigUint64Array(buffer)
    this.i64 = new BigInt64Array(buffer)
  }

  /** Zeros: at least so many bytes. */
  static ofSize(sizeBytes: number): Memory {
    return new Memory(new ArrayBuffer(8 * Math.ceil(sizeBytes / 8)))
  }

  /** A copy of some bytes. */
  static of(bytes: Uint8Array): Memory {
    const memory = Memory.ofSize(bytes.length)
    memory.u8.set(bytes)
    return memory
  }
}
