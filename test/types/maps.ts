// What maps are to a user's compiler. Compiled, never run.
import { BpfMap, BpfObject, cstring, type Descriptor, struct, u32, u64, u8 } from 'bpf-ringbuf'

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
type Expect<T extends true> = T

const object = BpfObject.open('object.bpf.o', { pinRoot: '/sys/fs/bpf/agent' })
const Key = struct('key', { path: cstring(64) })

const deny = object.map('deny', { key: Key, value: u8 })
export type Deny = Expect<Same<typeof deny, BpfMap<{ path: string }, number>>>
deny.set({ path: '/' }, 1, { flags: 'noexist' }).set({ path: '/etc' }, 2)
const found = deny.get({ path: '/' })
export type Found = Expect<Same<typeof found, number | undefined>>
for (const [{ path }, value] of deny) path.concat(value.toFixed())
deny.setMany([[{ path: '/' }, 1]])
deny.setMany(new Map([[{ path: '/' }, 1]]))
// @ts-expect-error a key has a path
deny.get({ name: '/' })
// @ts-expect-error a value is a number
deny.set({ path: '/' }, '1')
// @ts-expect-error there are three flags
deny.set({ path: '/' }, 1, { flags: 'always' })

const counts = object.map('counts', { key: u32, value: u64, perCpu: true })
const count = counts.get(1)
export type Count = Expect<Same<typeof count, bigint[] | undefined>>
counts.set(1, 0n).set(1, [0n, 1n])
// @ts-expect-error a value is a bigint
counts.set(1, [0])

const queue = object.map('queue', { value: u64 })
const popped = queue.push(1n).pop()
export type Popped = Expect<Same<typeof popped, bigint | undefined>>

const calls = object.map('calls', { key: u32 })
export type Calls = Expect<Same<typeof calls, BpfMap<number, number, Descriptor>>>
calls.set(0, object.program('called')).set(1, 3)
using inner = BpfMap.create({ type: 'ringbuf', maxEntries: 4096 })
object.map('outer', { key: u32 }).set(0, inner)
// @ts-expect-error that is neither a descriptor nor has one
calls.set(0, 'called')

// Without types anything goes, and what comes is to be looked at.
const untyped = object.map('counts')
export type Untyped = Expect<Same<typeof untyped, BpfMap>>
const unknown = untyped.set({ any: 1 }, 'thing').get(7)
export type Unknown = Expect<Same<typeof unknown, unknown>>
export const anyMap: BpfMap[] = [untyped, deny, counts, queue, calls, inner]

export const raw: Uint8Array | undefined = deny.bytes.get(new Uint8Array(64))
using created = BpfMap.create({
  type: 'lru_hash',
  key: u32,
  value: u8,
  maxEntries: 8,
  flags: ['zero_seed'],
})
export type Created = Expect<Same<typeof created, BpfMap<number, number>>>
// @ts-expect-error there is no such flag
BpfMap.create({ type: 'hash', key: u32, value: u8, maxEntries: 8, flags: ['fast'] })
export const pinned: BpfMap<number, bigint> = BpfMap.fromPin('/sys/fs/bpf/x', {
  key: u32,
  value: u64,
})
