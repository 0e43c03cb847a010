import { OrderedMerge } from '../../lib/stream/ordered-merge.js'

const windowNs = 10_000_000n

let delivered: bigint[]
let raised: unknown[]
let merge: OrderedMerge
/** Whether the callback that was called last is being waited for. */
let isBusy: boolean

beforeEach(() => {
  jest.useFakeTimers()
  delivered = []
  raised = []
  isBusy = false
  merge = newMerge()
})

afterEach(() => {
  merge.close()
  jest.useRealTimers()
})

function newMerge(limit = 1000): OrderedMerge {
  return new OrderedMerge(windowNs, limit, {
    handOut(deliver) {
      try {
        deliver()
      } catch (error) {
        raised.push(error)
      }
    },
    isBusy: () => isBusy,
    onDue: () => merge.releaseDue(Infinity),
  })
}

function push(...milliseconds: number[]): void {
  for (const time of milliseconds) {
    merge.push(BigInt(time) * 1_000_000n, () => {
      delivered.push(BigInt(time))
    })
  }
}

test('holds records back for the window, then delivers them by time', () => {
  push(5, 3, 4)
  expect(delivered).toEqual([])
  push(14)
  expect(delivered).toEqual([3n, 4n])
  push(100)
  expect(delivered).toEqual([3n, 4n, 5n, 14n])
  expect(merge.pending).toBe(1)
  expect(merge.late).toBe(0)
})

test('keeps the order of arrival of records of the same time', () => {
  const order: string[] = []
  for (const name of ['a', 'b', 'c', 'd']) merge.push(7n, () => order.push(name))
  merge.flush(Infinity)
  expect(order).toEqual(['a', 'b', 'c', 'd'])
})

test('delivers a late record at once, and counts it', () => {
  push(1, 20)
  expect(delivered).toEqual([1n])
  push(0)
  expect(delivered).toEqual([1n, 0n])
  expect(merge.late).toBe(1)
})

test('delivers what is left when nothing comes any more', () => {
  push(2, 1)
  jest.advanceTimersByTime(10)
  push(3)
  jest.advanceTimersByTime(10)
  expect(delivered).toEqual([])
  jest.advanceTimersByTime(20)
  expect(delivered).toEqual([1n, 2n, 3n])
  expect(jest.getTimerCount()).toBe(0)
})

test('closed by a callback delivers nothing more, and says what it held', () => {
  merge.push(1n, () => merge.close())
  push(2, 3)
  expect(merge.flush(Infinity)).toBe(true)
  expect(delivered).toEqual([])
  expect(merge.pending).toBe(2)
})

test('delivers until the deadline, and goes on', () => {
  push(1, 2)
  expect(merge.flush(0)).toBe(false)
  expect(delivered).toEqual([])
  expect(merge.flush(Infinity)).toBe(true)
  expect(delivered).toEqual([1n, 2n])
})

test('holds back no more than its limit', () => {
  merge = newMerge(2)
  push(3, 1, 2)
  expect(delivered).toEqual([1n])
  expect(merge.pending).toBe(2)
})

test('a callback that throws holds nobody up', () => {
  merge.push(1n, () => {
    throw new Error('thrown on purpose')
  })
  push(1, 2)
  merge.flush(Infinity)
  expect(delivered).toEqual([1n, 2n])
  expect(raised).toEqual([expect.objectContaining({ message: 'thrown on purpose' })])
})

describe('while a record is waited for', () => {
  beforeEach(() => {
    merge.push(1_000_000n, () => {
      delivered.push(1n)
      isBusy = true
    })
    push(3, 2)
    push(20)
    expect(delivered).toEqual([1n])
  })

  test('delivers nothing, and then what is due', () => {
    expect(merge.releaseDue(Infinity)).toBe(false)
    isBusy = false
    expect(merge.releaseDue(Infinity)).toBe(true)
    expect(delivered).toEqual([1n, 2n, 3n])
    expect(merge.pending).toBe(1)
  })

  test('flush() delivers nothing, and then all', () => {
    expect(merge.flush(Infinity)).toBe(false)
    expect(delivered).toEqual([1n])
    isBusy = false
    expect(merge.releaseDue(Infinity)).toBe(true)
    expect(delivered).toEqual([1n, 2n, 3n, 20n])
    expect(merge.pending).toBe(0)
  })

  test('does not take for quiet who cannot take what may be there', () => {
    jest.advanceTimersByTime(100)
    isBusy = false
    expect(merge.releaseDue(Infinity)).toBe(true)
    // It is older, and is not late.
    push(15)
    jest.advanceTimersByTime(10)
    expect(delivered).toEqual([1n, 2n, 3n])
    jest.advanceTimersByTime(20)
    expect(delivered).toEqual([1n, 2n, 3n, 15n, 20n])
    expect(merge.late).toBe(0)
  })
})

test('delivers any number of streams in order', () => {
  let seed = 12345
  const random = (below: number): number => {
    seed = (seed * 1103515245 + 12345) % 2 ** 31
    return seed % below
  }
  const clocks = [0, 0, 0, 0]
  const pushed: number[] = []
  for (let i = 0; i < 5000; i++) {
    // No stream runs ahead of another by more than the window.
    const slowest = Math.min(...clocks)
    const cpu = random(clocks.length)
    const time = Math.min((clocks[cpu] as number) + random(3), slowest + 9)
    clocks[cpu] = time
    pushed.push(time)
    push(time)
  }
  merge.flush(Infinity)
  expect(merge.late).toBe(0)
  expect(delivered).toEqual(pushed.sort((a, b) => a - b).map(BigInt))
})
