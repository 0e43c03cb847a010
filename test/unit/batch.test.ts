import {
  BatchTaker,
  type LentBatch,
  lostFrame,
  recordBytesBetween,
} from '../../lib/stream/batch.js'
import type { NativeReader } from '../../lib/addon/reader.js'
import { writeBatch } from './batch-writer.js'

/** The numbers that take() leaves, in the order of enum Taken in native/binding/reader.cc. */
interface Taken {
  index: number
  sizeBytes?: number
  recordBytes?: number
  generation?: number
  inWindow?: number
  error?: number
  more?: number
}

/** Takes one batch after another; every call for memory gives a new one. */
function takeAll(batches: readonly Taken[]): {
  taker: BatchTaker
  taken: (LentBatch | undefined)[]
  memory: string[]
} {
  const taker = new BatchTaker()
  const memory: string[] = []
  const lend = (how: string) => (index: number) => {
    memory.push(`${how} ${String(index)}`)
    return new ArrayBuffer(64)
  }
  const taken = batches.map((batch) => {
    const { sizeBytes = 0, recordBytes = 0, generation = 0, inWindow = 1 } = batch
    const { error = 0, more = 0 } = batch
    const take = (): number => {
      taker.taken.set([sizeBytes, recordBytes, generation, inWindow, error, more])
      return batch.index
    }
    const native = { take, arena: lend('arena'), contents: lend('contents') }
    return taker.take(native as unknown as NativeReader)
  })
  return { taker, taken, memory }
}

describe('a batch that is taken', () => {
  test('has its index and sizes', () => {
    const { taken } = takeAll([{ index: 2, sizeBytes: 48, recordBytes: 17 }])
    expect(taken).toMatchObject([{ index: 2, sizeBytes: 48, recordBytes: 17 }])
  })

  test('is nothing when none is published', () => {
    const { taken, taker, memory } = takeAll([{ index: -1 }])
    expect([taken, taker.errno + 0, taker.more, memory]).toEqual([[undefined], 0, false, []])
  })

  test('is nothing when the thread has ended, which left its error number', () => {
    const { taken, taker } = takeAll([{ index: -1, error: -9 }])
    expect([taken, taker.errno]).toEqual([[undefined], 9])
  })

  test('has the memory of its index, which is asked for once', () => {
    const { taken, memory } = takeAll([{ index: 0 }, { index: 1 }, { index: 0 }, { index: 1 }])
    expect(taken[2]?.arena).toBe(taken[0]?.arena)
    expect(taken[3]?.arena).toBe(taken[1]?.arena)
    expect(taken[1]?.arena).not.toBe(taken[0]?.arena)
    expect(memory).toEqual(['arena 0', 'arena 1'])
  })

  test('has other memory after it has grown', () => {
    const { taken, memory } = takeAll([
      { index: 0, generation: 0 },
      { index: 0, generation: 1 },
      { index: 0, generation: 1 },
    ])
    expect(taken[1]?.arena).not.toBe(taken[0]?.arena)
    expect(taken[2]?.arena).toBe(taken[1]?.arena)
    expect(memory).toEqual(['arena 0', 'arena 0'])
  })

  test('has memory of its own when it is too large for its place', () => {
    const { taken, memory } = takeAll([
      { index: 0 },
      { index: 0, inWindow: 0 },
      { index: 0, inWindow: 0 },
      { index: 0 },
    ])
    expect(new Set(taken.slice(0, 3).map((batch) => batch?.arena)).size).toBe(3)
    expect(taken[3]?.arena).toBe(taken[0]?.arena)
    expect(memory).toEqual(['arena 0', 'contents 0', 'contents 0'])
  })
})

test('after a drain it is known whether there may be more', () => {
  expect(takeAll([{ index: -1, more: 1 }]).taker.more).toBe(true)
  expect(takeAll([{ index: -1, more: 0 }]).taker.more).toBe(false)
})

test('the bytes of records are counted without frames', () => {
  const lengths = [0, 1, 7, 8, 9, 100]
  const { arena, sizeBytes } = writeBatch(
    lengths.map((length) => ({ bytes: new Uint8Array(length) })),
  )
  expect(recordBytesBetween(arena, 0, sizeBytes)).toBe(125)
  expect(recordBytesBetween(arena, 24, sizeBytes)).toBe(124)
  expect(recordBytesBetween(arena, 0, 0)).toBe(0)
})

test('what the kernel says that it lost is not counted as bytes', () => {
  const lost = { bytes: new Uint8Array(8), source: lostFrame >>> 16 }
  const { arena, sizeBytes } = writeBatch([lost, { bytes: new Uint8Array(5) }, lost])
  expect(recordBytesBetween(arena, 0, sizeBytes)).toBe(5)
})
