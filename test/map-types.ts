// Types of maps that came after Linux 5.10, each declared in storage.bpf.c.
import { BpfMap, type BpfObject, features, i32, u32, u64 } from '../lib/index.js'
import { errorOf, judge } from './features.js'
import { openObject } from './objects.js'

/** As storage.bpf.c declares them. */
const declared = {
  bloom: { type: 'bloom_filter', value: u32, maxEntries: 100 },
  sockets: { type: 'sk_storage', key: i32, value: u64 },
  tasks: { type: 'task_storage', key: i32, value: u64 },
  groups: { type: 'cgrp_storage', key: i32, value: u64 },
  inodes: { type: 'inode_storage', key: i32, value: u64 },
} as const
export type DeclaredMap = keyof typeof declared

/** The object, with one of its maps alone. */
export function openMapOfStorage(name: DeclaredMap): BpfObject {
  const object = openObject('storage')
  for (const map of object.maps.values()) map.autocreate = map.name === name
  return object
}

/**
 * Whether this kernel has maps of that type, as features() says too. Where it has not, an
 * object with one is refused, and so is one by itself.
 */
export function hasMaps(name: DeclaredMap): boolean {
  const options = declared[name]
  const refusal = /Maps of type \w+ need Linux|is configured without maps of type/
  let error
  for (const action of [
    () => BpfMap.create(options).close(),
    () => {
      using object = openMapOfStorage(name)
      object.load()
    },
  ]) {
    error = errorOf(action)
    judge(options.type, error, ['ERR_UNSUPPORTED', refusal])
    expect(features().mapTypes[options.type]?.answer).toBe(error === undefined ? 'yes' : 'no')
  }
  return error === undefined
}
