// Checks the records of test/bpf/stress.bpf.c: contents, order, none twice.
import type { BpfObject } from 'bpf-ringbuf'

/** Record sizes that the BPF program makes. */
const sizes = new Set([8, 64, 264, 1032, 4104, 16384])

export class Verifier {
  received = 0
  /** Of these, those that do not fit a ring of 4 KiB. */
  large = 0
  /** The first few things that were wrong. */
  readonly problems: string[] = []
  readonly #lastSequence = new Map<number, number>()

  /** @param record All its bytes; see `struct head` in the BPF program. */
  check(record: Uint8Array): void {
    this.received++
    const words = new Uint32Array(record.buffer, record.byteOffset, record.byteLength >>> 2)
    const sequence = words[0] ?? 0
    const tag = words[1] ?? 0
    const cpu = tag & 0xffff
    const size = tag >>> 16
    if (!sizes.has(size) || record.length !== size) {
      this.#problem(`record of ${String(record.length)} bytes says that it has ${String(size)}`)
      return
    }
    if (size > 4096) this.large++
    for (let i = 0; i < words.length; i += 2) {
      if (words[i] !== (sequence + i / 2) >>> 0 || words[i + 1] !== tag) {
        this.#problem(
          `record ${String(sequence)} of CPU ${String(cpu)} differs at ${String(4 * i)}`,
        )
        return
      }
    }
    const last = this.#lastSequence.get(cpu) ?? -1
    if (sequence <= last) {
      this.#problem(`CPU ${String(cpu)}: record ${String(sequence)} after ${String(last)}`)
    }
    this.#lastSequence.set(cpu, sequence)
  }

  #problem(text: string): void {
    if (this.problems.length < 10) this.problems.push(text)
  }
}

/** Attempts that the BPF program counted, of all CPUs. */
export function producedBy(object: BpfObject): number {
  const values = object.map('produced').bytes.get(new Uint8Array(4)) ?? new Uint8Array()
  return new BigUint64Array(values.slice().buffer).reduce((sum, n) => sum + Number(n), 0)
}
