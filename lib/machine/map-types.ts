// Types of maps that a kernel does not have.
import { addon } from '../addon/addon.js'
import { kernelAtLeast, readSystemFacts } from './facts.js'

/** Since which Linux there are those that came after ring buffers. */
const since: Record<string, readonly [major: number, minor: number]> = {
  inode_storage: [5, 10],
  task_storage: [5, 11],
  bloom_filter: [5, 16],
  cgrp_storage: [6, 2],
  arena: [6, 9],
}

/**
 * What to say of a type of maps that this kernel does not have. Creates one and closes
 * it again: nothing where the kernel has it, or where that is not permitted.
 */
export function whyNoMapsOf(type: string): string | undefined {
  const number = addon().mapTypeNames().indexOf(type)
  if (number <= 0 || addon().probeMapType(number) !== 0) return undefined
  const facts = readSystemFacts()
  const version = since[type]
  if (version !== undefined && !kernelAtLeast(facts, ...version)) {
    return `Maps of type ${type} need Linux ${version.join('.')} or newer, this is ${facts.kernelRelease}`
  }
  return `This kernel (${facts.kernelRelease}) is configured without maps of type ${type}`
}
