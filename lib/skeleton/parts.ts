// What a generated module says of its object.
import type { MapTypes } from '../map/entry-types.js'
import type { Type } from '../types/struct.js'

/** A map as the module has it. */
export interface SkeletonMap extends MapTypes {
  /** As `BpfMap.type`. */
  type: string
}

/**
 * What `bpf-ringbuf gen` writes into a module of the object that it was made from:
 * the names that have to be there when the module opens one, and their types.
 */
export interface SkeletonParts {
  /** What messages call the object. */
  name: string
  /** The command that makes the module again. */
  command: string
  /** Its file, from the folder of the package that the module is in. */
  file: string
  /** The object itself, in base64, when the module has it. */
  embedded?: string
  /** Structs that are no map's and no global variable's, such as those of records. */
  types: readonly Type[]
  /** The maps by their names, with the types of their entries. */
  maps: Readonly<Record<string, SkeletonMap>>
  /** The types of records, of the rings for which that is known. */
  rings: Readonly<Record<string, Type | undefined>>
  /** The names of the programs. */
  programs: readonly string[]
  /** The types of the global variables. */
  globals: Readonly<Record<string, Type>>
}
