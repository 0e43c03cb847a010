// What decoders are to a user's compiler. Compiled, never run.
import { array, at, bool, bytes, cstring, struct, u16, u32, u64, u8, type Value } from 'bpf-ringbuf'

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
type Expect<T extends true> = T

const inner = struct('inner', { a: u8, b: u16 })
const everything = struct('everything', {
  pid: u32,
  time: u64,
  duration: u64.number,
  ok: bool,
  comm: cstring(16),
  raw: bytes(8),
  numbers: array(u32, 4),
  inner,
  placed: at(128, cstring()),
})

export type Values = [
  Expect<
    Same<
      Value<typeof everything>,
      {
        pid: number
        time: bigint
        duration: number
        ok: boolean
        comm: string
        raw: Uint8Array
        numbers: number[]
        inner: { a: number; b: number }
        placed: string
      }
    >
  >,
  Expect<Same<Value<typeof u32>, number>>,
  Expect<Same<Value<ReturnType<typeof inner.view>>, Readonly<{ a: number; b: number }>>>,
  // @ts-expect-error a 64-bit integer is no number unless it says so
  Expect<Same<Value<typeof u64>, number>>,
]

// @ts-expect-error a length is a number
cstring('16')
// @ts-expect-error 32 bits are always a number
void u32.number
// @ts-expect-error a field is a type, not its name
struct('event', { pid: 'u32' })
// @ts-expect-error there is no such option
struct('event', { pid: u32 }, { paked: true })
