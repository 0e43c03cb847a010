// Addresses, identifiers and times, made from what C has for them.
import type * as Net from 'node:net'
import { types } from 'node:util'
import { addon } from '../addon/addon.js'
import { invalidType, outOfRange } from '../errors/errors.js'
import { u32, u64 } from './integer.js'
import { map } from './own.js'
import { bytes } from './sequence.js'
import type { Type } from './type.js'

/**
 * An IPv4 address in the order of networks, `__be32`, as text: `192.0.2.1`. In C it is
 * aligned to 4 bytes; one in a `__u8[4]` is placed by `at()`.
 */
export const ipv4: Type<string> = map(
  u32.be,
  (address) =>
    `${String(address >>> 24)}.${String((address >>> 16) & 255)}.${String((address >>> 8) & 255)}.${String(address & 255)}`,
  (text, what) => {
    checkText(text, net().isIPv4, 'an IPv4 address such as 192.0.2.1', what)
    return text.split('.').reduce((address, part) => 256 * address + Number(part), 0)
  },
)

/**
 * An IPv6 address, `__u8[16]`, as the text that RFC 5952 recommends: `2001:db8::1`, and
 * `::ffff:192.0.2.1` for an IPv4 address that is mapped. A `struct in6_addr` is aligned to
 * 4 bytes: `at()` places it where that makes a difference.
 */
export const ipv6: Type<string> = map(bytes(16), formatIpv6, (text, what) => {
  const isAddress = (given: string): boolean => net().isIPv6(given) && !given.includes('%')
  checkText(text, isAddress, 'an IPv6 address such as 2001:db8::1', what)
  return parseIpv6(text)
})

/** A hardware address of 6 bytes as text: `02:00:5e:10:00:ff`. Written also with dashes. */
export const mac: Type<string> = map(
  bytes(6),
  (address) => Array.from(address, hexadecimal).join(':'),
  (text, what) => {
    const isAddress = (given: string): boolean =>
      /^[0-9a-f]{2}([:-])[0-9a-f]{2}(\1[0-9a-f]{2}){4}$/i.test(given)
    checkText(text, isAddress, 'a MAC address such as 02:00:5e:10:00:ff', what)
    return Uint8Array.from(text.split(/[:-]/), (part) => parseInt(part, 16))
  },
)

/**
 * A UUID of 16 bytes in the order of RFC 9562, the kernel's `uuid_t`, as text:
 * `0190163d-8694-739b-aea5-966c26f8ad91`. The first three parts of a `guid_t`, of EFI, are
 * in the other order.
 */
export const uuid: Type<string> = map(
  bytes(16),
  (id) =>
    Array.from(id, hexadecimal)
      .join('')
      .replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-'),
  (text, what) => {
    const isUuid = (given: string): boolean =>
      /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(given)
    checkText(text, isUuid, 'a UUID such as 0190163d-8694-739b-aea5-966c26f8ad91', what)
    return new Uint8Array(Buffer.from(text.replaceAll('-', ''), 'hex'))
  },
)

/**
 * Nanoseconds of `CLOCK_MONOTONIC`, which `bpf_ktime_get_ns()` gives, as a `Date`: by what
 * the wall clock says now, to the millisecond. When that was set or the machine slept
 * since, it is off by as much. 0 is when the machine started.
 *
 * @throws {TypeError} {RangeError} when no valid date, or one before the start, is written.
 */
export const ktime: Type<Date> = map(
  u64,
  (ns) => new Date(startMs() + Number(ns) / 1e6),
  (date, what) => {
    if (!types.isDate(date) || Number.isNaN(date.getTime())) {
      throw invalidType('a valid Date', what, date)
    }
    const ms = date.getTime() - startMs()
    if (ms < 0) throw outOfRange('a Date after the start of the machine', what, date)
    return BigInt(ms) * 1_000_000n
  },
)

/**
 * What `bpf_ktime_get_ns()` gives now, in nanoseconds of `CLOCK_MONOTONIC`: the age of a
 * record is this less its time. In Node `process.hrtime.bigint()` gives the same; that of
 * Bun and of Deno begins with the process.
 *
 * @throws {BpfError} `ERR_ADDON`
 */
export function ktimeNow(): bigint {
  return addon().monotonicNs()
}

let knownStartMs = -Infinity
let lookedAtMs = -Infinity
const lookAgainMs = 1000
/** Less is not the clock but how exactly it can be read. */
const leastStepMs = 2

/** What the wall clock would have said when the monotonic one began. */
function startMs(): number {
  const nowMs = Date.now()
  if (Math.abs(nowMs - lookedAtMs) < lookAgainMs) return knownStartMs
  lookedAtMs = nowMs
  const found = lookAtBoth()
  if (Math.abs(found - knownStartMs) > leastStepMs) knownStartMs = found
  return knownStartMs
}

/** Not before it is needed: it loads Node's streams. */
function net(): typeof Net {
  // eslint-disable-next-line @typescript-eslint/no-require-imports
  return require('node:net') as typeof Net
}

/** The same by a look at both clocks: another one when the thread was held up in between. */
function lookAtBoth(): number {
  for (let left = 10; ; left--) {
    const ns = ktimeNow()
    const nowMs = Date.now()
    if (ktimeNow() - ns < 1_000_000n || left === 0) return nowMs - Math.floor(Number(ns) / 1e6)
  }
}

function checkText(
  text: unknown,
  fits: (text: string) => boolean,
  expected: string,
  what: string,
): asserts text is string {
  if (typeof text !== 'string') throw invalidType(expected, what, text)
  if (!fits(text)) throw outOfRange(expected, what, text)
}

function hexadecimal(byte: number): string {
  return byte.toString(16).padStart(2, '0')
}

function formatIpv6(address: Uint8Array): string {
  const groups = Array.from(
    { length: 8 },
    (_, i) => 256 * (address[2 * i] as number) + (address[2 * i + 1] as number),
  )
  if (groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff) {
    return `::ffff:${address.subarray(12).join('.')}`
  }
  const { start, length } = longestZeros(groups)
  const text = (part: readonly number[]): string =>
    part.map((group) => group.toString(16)).join(':')
  // A single group is not worth it.
  if (length < 2) return text(groups)
  return `${text(groups.slice(0, start))}::${text(groups.slice(start + length))}`
}

/** Of several the first. */
function longestZeros(groups: readonly number[]): { start: number; length: number } {
  let longest = { start: 0, length: 0 }
  for (let start = 0; start < groups.length; start++) {
    let end = start
    while (groups[end] === 0) end++
    if (end - start > longest.length) longest = { start, length: end - start }
  }
  return longest
}

/** @param text What `isIPv6()` takes. */
function parseIpv6(text: string): Uint8Array {
  const [head = [], tail] = text.split('::').map(bytesOfGroups)
  const address = new Uint8Array(16)
  address.set(head)
  if (tail !== undefined) address.set(tail, 16 - tail.length)
  return address
}

function bytesOfGroups(text: string): number[] {
  if (text === '') return []
  return text.split(':').flatMap((group) => {
    if (group.includes('.')) return group.split('.').map(Number)
    const number = parseInt(group, 16)
    return [number >>> 8, number & 255]
  })
}
