// What decoders are to a user's compiler. Compiled, never run.
import {
  array,
  at,
  bits,
  bool,
  bytes,
  cstring,
  enumeration,
  f32,
  f64,
  type Fields,
  type i16,
  i128,
  type i32,
  i64,
  type i8,
  ipv4,
  ktime,
  map,
  pointer,
  struct,
  type Struct,
  type StructValue,
  type Type,
  type u128,
  u16,
  u32,
  u64,
  u8,
  union,
  type Value,
  withIntegers,
} from 'bpf-ringbuf'

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
type Expect<T extends true> = T

const inner = struct('inner', { a: u8, b: u16 })
const everything = struct('everything', {
  pid: u32,
  time: u64,
  duration: u64.number,
  ok: bool,
  share: f32,
  ratio: f64,
  comm: cstring(16),
  raw: bytes(8),
  numbers: array(u32, 4),
  grid: array(array(i64, 3), 2),
  inner,
  inners: array(inner, 2),
  port: u16.be,
  order: u64.be.number,
  text: u64.string,
  pointer,
  wide: i128,
  address: union({ v4: ipv4, raw: bytes(4), inner }),
  named: union('named', { a: u8, b: at(1, u64) }),
  header: bits(u32, { version: 4, ihl: 4 }),
  wideBits: bits(u64, { low: 32, high: 31 }),
  flag: at(150, bits(u8, 1, 7)),
  most: at(150, bits(u64, 33, 0)),
  kind: enumeration(u32, { EXEC: 1, EXIT: 2 }),
  kindNumber: enumeration(u32, { EXEC: 1 }).number,
  wideKind: enumeration(u64, { ALL: 2n ** 64n - 1n }),
  started: ktime,
  percent: map(u8, (value) => ({ share: value / 100 })),
  placed: at(160, array(inner)),
})
type Everything = Value<typeof everything>

const exact = struct('exact', { a: u64, list: array(u64, 2), raw: bytes(2), at: ktime })
const asText = withIntegers(exact, 'string')
const asNumbers = withIntegers(exact, 'number')

export type Values = [
  Expect<
    Same<
      Everything,
      {
        pid: number
        time: bigint
        duration: number
        ok: boolean
        share: number
        ratio: number
        comm: string
        raw: Uint8Array
        numbers: number[]
        grid: bigint[][]
        inner: { a: number; b: number }
        inners: { a: number; b: number }[]
        port: number
        order: number
        text: string
        pointer: bigint
        wide: bigint
        address: { v4: string; raw: Uint8Array; inner: { a: number; b: number } }
        named: { a: number; b: bigint }
        header: { version: number; ihl: number }
        wideBits: { low: number; high: number }
        flag: number
        most: bigint
        kind: 'EXEC' | 'EXIT' | number
        kindNumber: number
        wideKind: 'ALL' | number | bigint
        started: Date
        percent: { share: number }
        placed: { a: number; b: number }[]
      }
    >
  >,
  Expect<Same<Value<typeof u128>, bigint>>,
  Expect<Same<Value<typeof asText>, { a: string; list: string[]; raw: Uint8Array; at: Date }>>,
  Expect<Same<Value<typeof asNumbers>, { a: number; list: number[]; raw: Uint8Array; at: Date }>>,
  Expect<Same<Value<ReturnType<typeof cstring>>, string>>,
  Expect<Same<Value<typeof u8>, number>>,
  Expect<Same<Value<typeof i8>, number>>,
  Expect<Same<Value<typeof u16>, number>>,
  Expect<Same<Value<typeof i16>, number>>,
  Expect<Same<Value<typeof u32>, number>>,
  Expect<Same<Value<typeof i32>, number>>,
  Expect<Same<Value<typeof u64>, bigint>>,
  Expect<Same<Value<typeof i64>, bigint>>,
  Expect<Same<Value<typeof i64.number>, number>>,
  Expect<Same<Value<typeof bool>, boolean>>,
  Expect<Same<Value<ReturnType<typeof cstring>>, string>>,
  Expect<Same<Value<ReturnType<typeof bytes>>, Uint8Array>>,
  Expect<Same<Value<ReturnType<typeof inner.view>>, Readonly<{ a: number; b: number }>>>,
  Expect<Same<StructValue<{ a: typeof u8 }>, { a: number }>>,
  // @ts-expect-error a 64-bit integer is no number unless it says so
  Expect<Same<Value<typeof u64>, number>>,
  // @ts-expect-error what is no decoder has no value
  Expect<Same<Value<string>, string>>,
]

export function read(event: Everything): void {
  // @ts-expect-error it has no such field
  void event.ppid
  // @ts-expect-error time is a bigint
  const time: number = event.time
  // @ts-expect-error a name is a string
  const comm: Uint8Array = event.comm
  // @ts-expect-error there may be no fifth
  const fifth: number = event.numbers[4]
  event.pid = 1
  void [time, comm, fifth]
}

export function readView(view: Value<ReturnType<typeof everything.view>>): Everything {
  // @ts-expect-error a view cannot be written to
  view.pid = 1
  return { ...view }
}

/** A function of the user's that takes decoders. */
export function first<T>(decoder: Type<T>, records: readonly T[]): T | undefined {
  void [decoder.name, decoder.size, decoder.align]
  return records[0]
}
const pid: number | undefined = first(everything, [])?.pid
// @ts-expect-error the decoder says what the records are
first(u32, ['text'])

/** A function of the user's that declares structs. */
export function withHeader<const F extends Fields>(fields: F): Struct<StructValue<F>> {
  return struct('event', fields, { packed: true })
}
const commOfEvent: Value<ReturnType<typeof withHeader<{ comm: Type<string> }>>>['comm'] = 'text'

const Address = union({ v4: ipv4, v6: bytes(16) })
Address.of({ v4: '192.0.2.1' })
// @ts-expect-error a union is written by one of its members
Address.of({ v4: '192.0.2.1', v6: new Uint8Array(16) })
// @ts-expect-error by one at least
Address.of({})
// @ts-expect-error by one that it has
Address.of({ v5: '' })
// @ts-expect-error a union has members
union('address')
// @ts-expect-error the unit of bit-fields is an integer
bits(cstring(4), { a: 1 })
// @ts-expect-error one bit-field has a shift
bits(u32, 4)
// @ts-expect-error an enum is stored as an integer
enumeration(bool, { A: 1 })
// @ts-expect-error values are integers
enumeration(u32, { A: 'one' })
// @ts-expect-error what is written is what is read
map(u32, String, (text: number) => text)
// @ts-expect-error it becomes what the type has
map(u32, String, (text: string) => text)
// @ts-expect-error there is no such form
withIntegers(u64, 'hex')
// @ts-expect-error 8 bits have no order
void u8.be
// @ts-expect-error a struct is checked or not
struct('event', { pid: u32 }, { checked: 'yes' })

export function readKind({ kind }: Everything): string {
  switch (kind) {
    case 'EXEC':
      return 'exec'
    // @ts-expect-error it has no such name
    case 'EXTI':
      return 'exit'
    default:
      return String(kind)
  }
}

// @ts-expect-error a decoder of numbers makes no strings
const text: Type<string> = u32
// @ts-expect-error a length is a number
cstring('16')
// @ts-expect-error a length is a number
bytes('16')
// @ts-expect-error an offset comes first
at(u32, 8)
// @ts-expect-error 32 bits are always a number
void u32.number
// @ts-expect-error a field is a type, not its name
struct('event', { pid: 'u32' })
// @ts-expect-error a type that takes a length is called
struct('event', { comm: cstring })
// @ts-expect-error a struct has fields
struct('event')
// @ts-expect-error there is no such option
struct('event', { pid: u32 }, { paked: true })
// @ts-expect-error an option that is a boolean
struct('event', { pid: u32 }, { packed: 1 })
// @ts-expect-error what a decoder is inside is not for users
void u32.shape
void [pid, commOfEvent, text]
