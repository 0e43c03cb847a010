import {
  type BpfObject,
  bytes,
  cstring,
  RingBuffer,
  struct,
  u32,
  u64,
  UserRingBuffer,
  type UserRingReservation,
  type Value,
} from '../../lib/index.js'
import { kernelAtLeast, readSystemFacts } from '../../lib/machine/facts.js'
import { expectNothingLeftOpen } from '../descriptors.js'
import { openObject } from '../objects.js'
import { describeBpf } from '../require-bpf.js'
import { thrownBy } from '../thrown.js'
import { until } from '../until.js'
import { firstSeed, Random } from '../unit/random.js'

const BPF_RB_NO_WAKEUP = 1n

/** struct request of user-ring.bpf.c */
const Request = struct('request', { sequence: u32, name: cstring(16), value: u64 })
type Request = Value<typeof Request>

const requestOf = (sequence: number): Request => ({
  sequence,
  name: `r${String(sequence)}`,
  value: BigInt(sequence) * 0x100000001n,
})

/** Of the ring, and with the kernel's header what a request takes of it. */
const ringBytes = 4096
const requestRingBytes = 40
const fit = Math.floor(ringBytes / requestRingBytes)

describeBpf('a user ring buffer', () => {
  if (!kernelAtLeast(readSystemFacts(), 6, 1)) {
    test('is refused when the object is loaded', () => {
      using object = openObject('user-ring')
      expect(thrownBy(() => object.load())).toMatchObject({
        code: 'ERR_UNSUPPORTED',
        hint: expect.stringMatching(/^User ring buffers need Linux 6.1 or newer/) as string,
      })
    })
    return
  }

  expectNothingLeftOpen()

  let object: BpfObject
  let ring: UserRingBuffer
  let answers: RingBuffer<Request>
  let seen: Request[]

  beforeEach(() => {
    object = openObject('user-ring').load()
    ring = new UserRingBuffer(object.map('requests'))
    seen = []
    answers = new RingBuffer(object.map('answers'), Request, (request) => void seen.push(request), {
      pollThread: false,
    })
  })

  afterEach(() => {
    ring.close()
    answers.close()
    object.close()
  })

  /** What a program takes at its next drain, at most so many. */
  function drain(most = 0, program = 'drain_requests'): Request[] {
    object.globals['most'] = most
    object.program(program).testRun({ context: new Uint8Array(16) })
    expect(Number(object.globals['drained'])).toBe(object.globals['taken'])
    seen = []
    answers.consume()
    return seen
  }

  function fill(): number {
    let count = 0
    try {
      for (;;) ring.write(Request, requestOf(++count))
    } catch (error) {
      expect(error).toMatchObject({
        code: 'ERR_FULL',
        errno: -28,
        message: expect.stringMatching(/map "requests": it has no room for 32 bytes/) as string,
      })
    }
    return count - 1
  }

  test('hands typed values to a program, in their order', () => {
    const requests = [1, 2, 3].map(requestOf)
    for (const request of requests) ring.write(Request, request)
    expect(drain()).toEqual(requests)
    expect(drain()).toEqual([])
  })

  test('is full, says so, and takes more after a drain', () => {
    expect(fill()).toBe(fit)
    expect(fill()).toBe(0)
    expect(drain(10)).toEqual(Array.from({ length: 10 }, (_, i) => requestOf(i + 1)))
    expect(fill()).toBe(10)
    expect(drain()).toHaveLength(fit)
  })

  test.each([8, 9, ringBytes - 8])('takes a sample of %i bytes', (sizeBytes) => {
    const raw = new Uint8Array(sizeBytes)
    const view = new DataView(raw.buffer)
    const little = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1
    if (sizeBytes >= 16) view.setBigUint64(sizeBytes - 8, 77n, little)
    view.setUint32(0, sizeBytes, little)
    ring.write(bytes(), raw)
    const [answer] = drain(0, 'drain_sizes')
    expect(answer?.sequence).toBe(sizeBytes)
    if (sizeBytes >= 16) expect(answer?.value).toBe(77n)
  })

  test('refuses what is larger than it, and other mistakes', async () => {
    const large = new Uint8Array(ringBytes - 7)
    for (const call of [
      () => ring.write(bytes(), large),
      () => ring.reserve(large.length),
      () => ring.reserve(0),
      () => ring.write(u32, -1),
      () => ring.write(bytes(), new Uint8Array(0)),
    ]) {
      expect(thrownBy(call)).toMatchObject({ name: 'RangeError', code: 'ERR_OUT_OF_RANGE' })
    }
    await expect(ring.writeWhenFree(bytes(), large)).rejects.toMatchObject({ name: 'RangeError' })
    await expect(ring.reserveWhenFree(8, { timeoutMs: -1 })).rejects.toMatchObject({
      name: 'RangeError',
    })
    for (const call of [
      () => ring.write(Request, { sequence: 1 } as Request),
      () => ring.write(Request.view(), requestOf(1)),
      () => ring.write('u32' as never, 1 as never),
      () => new UserRingBuffer(object.map('requests'), { timeoutMs: 1 } as object),
      () => new UserRingBuffer({} as never),
    ]) {
      expect(thrownBy(call)).toMatchObject({ name: 'TypeError', code: 'ERR_INVALID_ARG_TYPE' })
    }
    expect(
      thrownBy(() => ring.write(struct('request', { sequence: u64 }), { sequence: 1n })),
    ).toMatchObject({ code: 'ERR_LAYOUT' })
    expect(thrownBy(() => new UserRingBuffer(object.map('answers')))).toMatchObject({
      code: 'ERR_MAP_TYPE',
    })
    using unloaded = openObject('user-ring')
    expect(thrownBy(() => new UserRingBuffer(unloaded.map('requests')))).toMatchObject({
      code: 'ERR_STATE',
    })
    expect(drain()).toEqual([])
  })

  test('has one producer in a process, until that is closed', () => {
    expect(thrownBy(() => new UserRingBuffer(object.map('requests')))).toMatchObject({
      code: 'ERR_BUSY',
    })
    ring.write(Request, requestOf(1))
    ring.close()
    ring.close()
    expect(ring.closed).toBe(true)
    expect(thrownBy(() => ring.write(Request, requestOf(2)))).toMatchObject({ code: 'ERR_CLOSED' })
    expect(thrownBy(() => ring.reserve(8))).toMatchObject({ code: 'ERR_CLOSED' })
    using next = new UserRingBuffer(object.map('requests'))
    next.write(Request, requestOf(3))
    expect(drain()).toEqual([requestOf(1), requestOf(3)])
  })

  test('closes with its signal', () => {
    ring.close()
    const controller = new AbortController()
    const other = new UserRingBuffer(object.map('requests'), { signal: controller.signal })
    controller.abort()
    expect(other.closed).toBe(true)
    expect(new UserRingBuffer(object.map('requests'), { signal: controller.signal }).closed).toBe(
      true,
    )
  })

  test('a value may write another one by a getter', () => {
    const value = {
      sequence: 2,
      get name(): string {
        ring.write(Request, requestOf(1))
        return 'r2'
      },
      value: requestOf(2).value,
    }
    ring.write(Request, value)
    expect(drain()).toEqual([requestOf(1), requestOf(2)])
  })

  describe('with reservations', () => {
    /** Fills it with a request. */
    function setRequest(reservation: UserRingReservation, sequence: number): void {
      const view = new DataView(reservation.bytes.buffer)
      view.setUint32(0, sequence, true)
    }

    test('are refused when there is no room, and waited for', async () => {
      const made = Array.from({ length: fit }, () => ring.reserve(32))
      expect(thrownBy(() => ring.reserve(32))).toMatchObject({ code: 'ERR_FULL', errno: -28 })
      const bounds = { timeoutMs: 5 }
      await expect(ring.reserveWhenFree(32, bounds)).rejects.toMatchObject({ code: 'ERR_TIMEOUT' })
      for (const [index, reservation] of made.entries()) {
        setRequest(reservation, index)
        reservation.submit()
      }
      const waiting = ring.reserveWhenFree(32)
      expect(drain().map(({ sequence }) => sequence)).toEqual([...made.keys()])
      ;(await waiting).discard()
    })

    test('keeps the order in which they were made', () => {
      const first = ring.reserve(32)
      expect(first.bytes).toEqual(new Uint8Array(32))
      const second = ring.reserve(32)
      ring.write(Request, requestOf(3))
      setRequest(second, 2)
      second.submit()
      // Nothing, as the first is still being written.
      expect(drain()).toEqual([])
      setRequest(first, 1)
      first.submit()
      // Too late: it was copied.
      setRequest(first, 9)
      expect(drain().map(({ sequence }) => sequence)).toEqual([1, 2, 3])
      expect(thrownBy(() => first.submit())).toMatchObject({ code: 'ERR_STATE' })
      first.discard()
    })

    test('skips those that are discarded', () => {
      {
        using first = ring.reserve(32)
        expect(first.bytes).toHaveLength(32)
      }
      const second = ring.reserve(32)
      ring.write(Request, requestOf(3))
      second.discard()
      second.discard()
      expect(thrownBy(() => second.submit())).toMatchObject({ code: 'ERR_STATE' })
      object.program('drain_requests').testRun({ context: new Uint8Array(16) })
      expect(object.globals['taken']).toBe(1)
      answers.consume()
      expect(seen).toEqual([requestOf(3)])
    })

    test('discards those that are open when it closes, and lets nothing be written after', () => {
      const reservation = ring.reserve(32)
      ring.write(Request, requestOf(2))
      ring.close()
      expect(thrownBy(() => reservation.submit())).toMatchObject({ code: 'ERR_CLOSED' })
      reservation.discard()
      reservation.bytes.fill(0xff)
      expect(drain()).toEqual([requestOf(2)])
    })

    test('refuses bytes whose memory was given away', () => {
      const reservation = ring.reserve(32)
      structuredClone(reservation.bytes.buffer, {
        transfer: [reservation.bytes.buffer as ArrayBuffer],
      })
      expect(thrownBy(() => reservation.submit())).toMatchObject({ name: 'RangeError' })
      reservation.discard()
    })
  })

  describe.each([0n, BPF_RB_NO_WAKEUP])('full, waits for a drain with flags %s', (flags) => {
    beforeEach(() => {
      object.globals['flags'] = flags
      fill()
    })

    test('in the order of the calls, while the loop turns', async () => {
      const settled: number[] = []
      const calls = [201, 202, 203].map(async (sequence) => {
        await ring.writeWhenFree(Request, requestOf(sequence))
        settled.push(sequence)
      })
      const reserved = ring.reserveWhenFree(32)
      let turns = 0
      const timer = setInterval(() => turns++, 1)
      await until(() => turns > 3)
      clearInterval(timer)
      expect(settled).toEqual([])
      expect(drain(1)).toHaveLength(1)
      await calls[0]
      expect(settled).toEqual([201])
      drain()
      await Promise.all(calls)
      ;(await reserved).discard()
      expect(settled).toEqual([201, 202, 203])
      object.program('drain_requests').testRun({ context: new Uint8Array(16) })
      answers.consume()
      expect(seen.slice(-3).map(({ sequence }) => sequence)).toEqual(settled)
    })

    test('until a time-out, an abort or close', async () => {
      const controller = new AbortController()
      const reason = new Error('no longer')
      const aborted = ring.writeWhenFree(Request, requestOf(1), { signal: controller.signal })
      const late = ring.reserveWhenFree(32, { timeoutMs: 5 })
      const closed = ring.writeWhenFree(Request, requestOf(2))
      setTimeout(() => controller.abort(reason), 10)
      await expect(late).rejects.toMatchObject({ code: 'ERR_TIMEOUT', target: 'map "requests"' })
      await expect(aborted).rejects.toBe(reason)
      const signal = AbortSignal.abort(reason)
      await expect(ring.writeWhenFree(Request, requestOf(3), { signal })).rejects.toBe(reason)
      ring.close()
      await expect(closed).rejects.toMatchObject({ code: 'ERR_CLOSED' })
      // None of them was written.
      expect(drain()).toHaveLength(fit)
    })
  })

  test('waits without being asked to when there is room', async () => {
    await ring.writeWhenFree(Request, requestOf(1), { timeoutMs: 0 })
    const reservation = await ring.reserveWhenFree(32)
    reservation.discard()
    await ring.writeWhenFree(Request, requestOf(2))
    object.program('drain_requests').testRun({ context: new Uint8Array(16) })
    answers.consume()
    expect(seen).toEqual([requestOf(1), requestOf(2)])
  })

  test('any calls in any order: programs see what was submitted, in the order of the places', () => {
    const random = new Random(firstSeed)
    /** What has its place, and is not drained: done, or open with its reservation. */
    let queue: { sequence: number; open: UserRingReservation | undefined; gone: boolean }[] = []
    let refused = 0
    for (let sequence = 1; sequence < 3000; sequence++) {
      const open = queue.filter((item) => item.open !== undefined)
      // Seldom, so that it is full at times.
      const step = random.chance(0.01) ? 'drain' : random.chance(0.3) ? 'end' : 'begin'
      switch (step) {
        case 'begin': {
          const isFull = queue.length >= fit
          try {
            if (random.chance(0.5)) {
              ring.write(Request, requestOf(sequence))
              queue.push({ sequence, open: undefined, gone: false })
            } else {
              queue.push({ sequence, open: ring.reserve(32), gone: false })
            }
            expect(isFull).toBe(false)
          } catch (error) {
            expect([sequence, error]).toEqual([
              sequence,
              expect.objectContaining({ code: 'ERR_FULL' }),
            ])
            expect(queue.length).toBeGreaterThanOrEqual(fit - 1)
            refused++
          }
          break
        }
        case 'end': {
          if (open.length === 0) break
          const item = random.pick(open)
          if (random.chance(0.3)) {
            item.open?.discard()
            item.gone = true
          } else {
            new DataView((item.open as UserRingReservation).bytes.buffer).setUint32(
              0,
              item.sequence,
              true,
            )
            item.open?.submit()
          }
          item.open = undefined
          break
        }
        case 'drain': {
          const first = queue.findIndex((item) => item.open !== undefined)
          const done = first < 0 ? queue : queue.slice(0, first)
          queue = queue.slice(done.length)
          object.program('drain_requests').testRun({ context: new Uint8Array(16) })
          seen = []
          answers.consume()
          expect(seen.map((request) => request.sequence)).toEqual(
            done.filter(({ gone }) => !gone).map((item) => item.sequence),
          )
        }
      }
    }
    expect(refused).toBeGreaterThan(0)
  })
})
