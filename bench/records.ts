// The records of test/bpf/bench.bpf.c and how the bench checks what became of them.
import { type BpfObject, cstring, struct, u32, u64 } from 'bpf-ringbuf'

/** The producer's CPU; the bench itself and its consumers have another. */
export const producerCpu = 0
export const consumerCpu = 1

/** The first words of a record, which may go on. */
export const BenchRecord = struct('record', { sequence: u32, cpu: u32 }, { unchecked: true })

/** What a program that reports executions sends: two strings among its fields. */
export const ExecEvent = struct('event', {
  pid: u32,
  ppid: u32,
  uid: u32,
  comm: cstring(16),
  time_ns: u64,
  filename: cstring(496),
})

/** Characters of the two strings in each. */
export const execCharacters = 'worker-17'.length + '/usr/lib/node_modules/tool-17/bin/run'.length

/** What the BPF program wrote and what the consumer read must be the same. */
export function checkSum(
  submitted: number,
  submittedSum: number,
  records: number,
  sum: number,
): void {
  if (submitted === records && submittedSum === sum) return
  throw new Error(
    `${submitted} records were submitted with the sum ${submittedSum}, ` +
      `${records} received with ${sum}`,
  )
}

/** Every record is received or counted as lost. */
export function checkCounts(what: string, made: number, received: number, lost: number): void {
  if (received + lost === made) return
  throw new Error(`${what}: ${made} records were made, ${received} received and ${lost} lost`)
}

/** Of getpgid(); asm/unistd.h. */
export function syscallNumber(): number {
  const numbers: Partial<Record<NodeJS.Architecture, number>> = { x64: 121, arm64: 155 }
  const number = numbers[process.arch]
  if (number === undefined) throw new Error(`the number of getpgid() on ${process.arch} is unknown`)
  return number
}

/** Losses of a map that the BPF header counted, whoever consumes. */
export function lostOf(object: BpfObject, map: string): number {
  const values = object.map(`${map}__counters`).bytes.get(new Uint8Array(4)) ?? new Uint8Array()
  const words = new BigUint64Array(values.slice().buffer)
  // Lost and discarded by turns, of each possible CPU.
  return words.reduce((lost, word, index) => (index % 2 === 0 ? lost + Number(word) : lost), 0)
}
