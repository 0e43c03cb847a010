import { isIPv4, isIPv6, SocketAddress } from 'node:net'
import { ipv4, ipv6, ktime, ktimeNow, mac, uuid } from '../../lib/types/addresses.js'
import { struct, type Type, u64, u8 } from '../../lib/types/struct.js'
import { encode } from '../../lib/types/write.js'
import { decode } from './batch-writer.js'
import { misuse } from './misuse.js'
import { firstSeed, Random } from './random.js'

const octets = (hex: string): Uint8Array =>
  new Uint8Array(Buffer.from(hex.replaceAll(' ', ''), 'hex'))

describe('as text', () => {
  // Those of RFC 5952, section by section, RFC 4291 and RFC 9562 among them.
  test.each<[Type<string>, string, string]>([
    [ipv4, 'c0000201', '192.0.2.1'],
    [ipv4, '00000000', '0.0.0.0'],
    [ipv4, 'ffffffff', '255.255.255.255'],
    [ipv4, '7f000001', '127.0.0.1'],
    [ipv6, '00000000 00000000 00000000 00000000', '::'],
    [ipv6, '00000000 00000000 00000000 00000001', '::1'],
    [ipv6, 'ff020000 00000000 00000000 00000001', 'ff02::1'],
    [ipv6, '20010db8 00000000 00000000 00020001', '2001:db8::2:1'],
    [ipv6, '20010db8 00000001 00010001 00010001', '2001:db8:0:1:1:1:1:1'],
    [ipv6, '20010000 00000001 00000000 00000001', '2001:0:0:1::1'],
    [ipv6, '20010db8 00000000 00010000 00000001', '2001:db8::1:0:0:1'],
    [ipv6, '20010db8 aaaabbbb ccccdddd eeee0001', '2001:db8:aaaa:bbbb:cccc:dddd:eeee:1'],
    [ipv6, '20010db8 00000000 00000000 00000000', '2001:db8::'],
    [ipv6, '00010002 00030004 00050006 00000000', '1:2:3:4:5:6::'],
    [ipv6, '00000000 00030004 00050006 00070008', '::3:4:5:6:7:8'],
    [ipv6, '00010000 00030000 00050000 00070000', '1:0:3:0:5:0:7:0'],
    [ipv6, '00000000 00000000 0000ffff c0000201', '::ffff:192.0.2.1'],
    [ipv6, '00000000 00000000 0000fffe c0000201', '::fffe:c000:201'],
    [mac, '02005e1000ff', '02:00:5e:10:00:ff'],
    [uuid, '919108f7 52d13320 5bacf847 db4148a8', '919108f7-52d1-3320-5bac-f847db4148a8'],
    [uuid, '017f22e2 79b07cc3 98c4dc0c 0c07398f', '017f22e2-79b0-7cc3-98c4-dc0c0c07398f'],
  ])('%# %s is read and written', (type, hex, text) => {
    expect(decode(type, octets(hex))).toBe(text)
    expect(encode(type, text, 'value')).toEqual(octets(hex))
    const inStruct = struct('s', { before: u8, value: type })
    expect(decode(inStruct, encode(inStruct, { before: 1, value: text }, 'value')).value).toBe(text)
  })

  test.each<[Type<string>, string, string]>([
    [ipv6, '2001:DB8:0:0:0:0:0:1', '20010db8 00000000 00000000 00000001'],
    [ipv6, '1:2:3:4:5:6:7.8.9.10', '00010002 00030004 00050006 0708090a'],
    [ipv6, '64:ff9b::192.0.2.33', '0064ff9b 00000000 00000000 c0000221'],
    [mac, '02-00-5E-10-00-FF', '02005e1000ff'],
    [uuid, '919108F7-52D1-3320-5BAC-F847DB4148A8', '919108f752d133205bacf847db4148a8'],
  ])('%# %s is written from another spelling', (type, text, hex) => {
    expect(encode(type, text, 'value')).toEqual(octets(hex))
  })

  test('random IPv6 addresses are spelt as the C library spells them', () => {
    for (let i = 0; i < 2000; i++) {
      const seed = firstSeed + i
      const random = new Random(seed)
      const address = random.bytes(16)
      for (let group = 0; group < 8; group++) {
        if (random.chance(0.6)) address.fill(0, 2 * group, 2 * group + (random.chance(0.7) ? 2 : 1))
      }
      const text = decode(ipv6, address)
      expect([seed, isIPv6(text)]).toEqual([seed, true])
      expect([seed, encode(ipv6, text, 'value')]).toEqual([seed, address])
      // That prints an address of IPv4 for those that begin with 96 zeros, which is obsolete.
      if (address.subarray(0, 12).every((octet) => octet === 0)) continue
      const known = new SocketAddress({ address: text, family: 'ipv6' }).address
      expect([seed, text]).toEqual([seed, known])
    }
  })

  test('random IPv4 addresses are what Node takes', () => {
    for (let i = 0; i < 200; i++) {
      const address = new Random(firstSeed + i).bytes(4)
      const text = decode(ipv4, address)
      expect([isIPv4(text), encode(ipv4, text, 'value')]).toEqual([true, address])
    }
  })

  test.each<[Type<string>, unknown, 'TypeError' | 'RangeError', string]>([
    [ipv4, '192.0.2', 'RangeError', 'an IPv4 address such as 192.0.2.1'],
    [ipv4, '192.0.2.256', 'RangeError', 'an IPv4 address such as 192.0.2.1'],
    [ipv4, '::1', 'RangeError', 'an IPv4 address such as 192.0.2.1'],
    [ipv4, 1, 'TypeError', 'an IPv4 address such as 192.0.2.1'],
    [ipv6, '192.0.2.1', 'RangeError', 'an IPv6 address such as 2001:db8::1'],
    [ipv6, 'fe80::1%lo', 'RangeError', 'an IPv6 address such as 2001:db8::1'],
    [ipv6, '1:2:3', 'RangeError', 'an IPv6 address such as 2001:db8::1'],
    [mac, '02:00:5e:10:00', 'RangeError', 'a MAC address such as 02:00:5e:10:00:ff'],
    [mac, '02:00-5e:10:00:ff', 'RangeError', 'a MAC address such as 02:00:5e:10:00:ff'],
    [mac, '02:00:5e:10:00:fg', 'RangeError', 'a MAC address such as 02:00:5e:10:00:ff'],
    [mac, null, 'TypeError', 'a MAC address such as 02:00:5e:10:00:ff'],
    [
      uuid,
      '919108f752d133205bacf847db4148a8',
      'RangeError',
      'a UUID such as 0190163d-8694-739b-aea5-966c26f8ad91',
    ],
    [uuid, undefined, 'TypeError', 'a UUID such as 0190163d-8694-739b-aea5-966c26f8ad91'],
  ])('%# %p is refused', (type, value, name, expected) => {
    const received = typeof value === 'string' ? `'${value}'` : String(value)
    expect(() => encode(type, value, 'event.a')).toThrow(
      misuse(name, `Expected ${expected} for event.a but received ${received}`),
    )
  })
})

describe('ktime', () => {
  const at = (ns: bigint): Date => decode(ktime, encode(u64, ns, 'ns'))

  test('is the wall clock of a monotonic time', () => {
    const before = Date.now()
    const now = at(process.hrtime.bigint()).getTime()
    const after = Date.now()
    // The wall clock may be set while this runs, by as little as this.
    expect(now).toBeGreaterThanOrEqual(before - 5)
    expect(now).toBeLessThanOrEqual(after + 5)
  })

  test('has the clock of the kernel', () => {
    const before = process.hrtime.bigint()
    const now = ktimeNow()
    expect(now).toBeGreaterThanOrEqual(before)
    expect(now).toBeLessThanOrEqual(process.hrtime.bigint())
  })

  test('goes on by as much as the time, and begins with the machine', () => {
    const ns = 5_000_000_000n
    expect(at(ns).getTime() - at(0n).getTime()).toBe(5000)
    expect(Date.now() - at(0n).getTime()).toBeGreaterThan(0)
    expect(Number.isNaN(at(2n ** 64n - 1n).getTime())).toBe(false)
  })

  test('is written as it is read', () => {
    const date = at(process.hrtime.bigint() - 1_000_000_000n)
    expect(decode(ktime, encode(ktime, date, 'value'))).toEqual(date)
  })

  test.each<[string, unknown, 'TypeError' | 'RangeError', string]>([
    ['what is no Date', 5, 'TypeError', 'Expected a valid Date for value but received 5'],
    [
      'no valid Date',
      new Date(NaN),
      'TypeError',
      'Expected a valid Date for value but received Invalid Date',
    ],
    [
      'a Date before the machine started',
      new Date(0),
      'RangeError',
      'Expected a Date after the start of the machine for value but received 1970-01-01T00:00:00.000Z',
    ],
  ])('refuses %s', (_, value, name, message) => {
    expect(() => encode(ktime, value, 'value')).toThrow(misuse(name, message))
  })
})
