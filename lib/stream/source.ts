// A map that a reader reads: its loop, and why it may be refused.
import { BpfError } from '../errors/errors.js'
import { failure } from '../machine/failure.js'
import type { BpfMap } from '../map/map.js'
import type { IntegerForm } from '../types/type.js'
import { withIntegers } from '../types/with-integers.js'
import { checkLayout } from '../types/layout.js'
import type { Type } from '../types/struct.js'
import { notDrainable } from './arguments.js'
import type { Handler } from './delivery.js'
import type { OnRecords } from './record.js'
import { compile, type Flavour } from './walk.js'

const EBUSY = 16
const EMEDIUMTYPE = 124

/**
 * Compares the decoder with what the map's object says, and compiles the loop.
 *
 * @throws {BpfError} `ERR_LAYOUT`
 */
export function createHandler(
  map: BpfMap,
  decoder: Type,
  flavour: Flavour,
  integers: IntegerForm,
  onRecord: OnRecords,
): Handler {
  checkLayout(decoder, map.described)
  const tally = { unknown: 0 }
  const type = withIntegers(decoder, integers)
  return { walk: compile(type, flavour, map.name, undefined, tally), onRecord, tally }
}

/** Why the native reader did not take a map. */
export function refusedSource(map: BpfMap, result: number): BpfError {
  const target = `map "${map.name}"`
  if (result === -EBUSY) {
    return new BpfError('ERR_BUSY', 'another reader reads it already', {
      operation: 'read',
      target,
      errno: result,
      hint: 'A map has one reader in a process: close the other one first',
    })
  }
  // Pinned by others, the map may have other flags than this object declares.
  if (result === -EMEDIUMTYPE) return notDrainable(map)
  return failure('read', target, result)
}

/** Why a reader cannot go on. */
export function readFailure(target: string, errno: number): BpfError {
  if (errno !== -EBUSY) return failure('read', target, errno)
  return new BpfError('ERR_BUSY', 'another process reads it, too', {
    operation: 'read',
    target,
    errno,
    hint: 'A ring has one reader, whichever process that is in: end the other one. What either took lately, the other one may have had, too',
  })
}
