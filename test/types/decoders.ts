// What decoders are to a user's compiler. Compiled, never run.
import {
  array,
  at,
  bool,
  bytes,
  cstring,
  f32,
  f64,
  type Fields,
  type i16,
  type i32,
  i64,
  type i8,
  struct,
  type Struct,
  type StructValue,
  type Type,
  u16,
  u32,
  u64,
  u8,
  type Value,
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
  placed: at(160, cstring()),
})
type Everything = Value<typeof everything>

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
        placed: string
      }
    >
  >,
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
