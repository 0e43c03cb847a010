// The addon as TypeScript sees it. Each declaration stands above the method of
// the same name in native/ as well.
//
// What the kernel or the machine refuses comes back as a negative error number,
// and takeLog() has what libbpf printed. So does what is called out of order:
// EBADF for what is closed or not open, EALREADY for what may be done once. A
// method that returns no number then returns what is empty.
//
// A call that these declarations do not allow throws a TypeError and does
// nothing: a missing argument or one of another type, a number that is no
// integer or does not fit, the index of a source that there is not or of a batch
// that is not lent, another class's `this`.
import { isAbsolute } from 'node:path'
import { BpfError, invalidType, outOfRange } from '../errors/errors.js'
import { loadAddon } from './load.js'
import type { NativeMapHandle } from './map-handle.js'
import type { NativeFlightRecorder } from './flight-recorder.js'
import type { NativeDescriptor } from './descriptor.js'
import type { NativeLink } from './link.js'
import type { NativeObject } from './object.js'
import type { NativeReader } from './reader.js'
import type { NativeUserRingBuffer } from './user-ring-buffer.js'

export interface Addon {
  Object: new () => NativeObject
  Reader: new (
    coalesceUs: number,
    batchBytes: number,
    batchCount: number,
    taken: Float64Array,
  ) => NativeReader
  FlightRecorder: new () => NativeFlightRecorder
  UserRingBuffer: new () => NativeUserRingBuffer
  takeLog(): string
  /** The names of map types that libbpf knows, by their numbers; of program types likewise. */
  mapTypeNames(): string[]
  programTypeNames(): string[]
  helperNames(): string[]
  probeMapType(type: number): number
  probeProgramType(type: number): number
  probeHelper(programType: number, helper: number): number
  probe(feature: string, path: string): number
  /** C declarations of types; the references of the BTF must have been checked. */
  dumpBtf(
    btf: Uint8Array,
    base: Uint8Array | undefined,
    all: boolean,
    names: string[],
    aliases: string[],
  ): Uint8Array | number
  possibleCpus(): number
  monotonicNs(): bigint
  linkExists(id: number): number
  nextProgramId(id: number): number
  nextMapId(id: number): number
  demangle(name: string): string | undefined
  programsEnded(): Promise<void>
  openLink(path: string): NativeLink | number
  enableStats(): NativeDescriptor | number
  interfaceIndex(name: string): number
  createMap(
    type: number,
    name: string,
    keySize: number,
    valueSize: number,
    maxEntries: number,
    flags: number,
    mapExtra: number,
    innerMapFd: number,
  ): NativeMapHandle | number
  mapFromPin(path: string): NativeMapHandle | number
  mapFromId(id: number): NativeMapHandle | number
  mapFromFd(fd: number): NativeMapHandle | number
  openTask(pid: number): number
  /** The version that is loaded, such as "v1.1". */
  libbpfVersion: string
  /** The version whose headers it was compiled with, such as "1.1". */
  libbpfHeaders: string
  pageBytes: number
}

let loaded: Addon | undefined
let named: string | undefined

/**
 * The addon, loaded at its first use, so that importing the package works
 * everywhere and the error comes where it is needed.
 */
export function addon(): Addon {
  loaded ??= loadAddon(named) as Addon
  return loaded
}

/**
 * Names the file of the native addon, where the package cannot find it by
 * itself: in a bundle, or in a single executable that has written it somewhere.
 * It is loaded at its first use, in each thread for itself, and no other file is
 * tried then. The variable `BPF_RINGBUF_ADDON` of the environment does the same
 * for a program that names none.
 *
 * @param file Its absolute path.
 * @throws {TypeError} When it is no string.
 * @throws {RangeError} When it is a relative path, or has a NUL.
 * @throws {BpfError} `ERR_STATE` when this thread has loaded the addon already.
 */
export function setAddonFile(file: string): void {
  if (typeof file !== 'string') throw invalidType('a string', "the addon's file", file)
  if (!isAbsolute(file)) throw outOfRange('an absolute path', "the addon's file", file)
  // The linker would load what stands before it.
  if (file.includes('\0')) throw outOfRange('a path without NUL', "the addon's file", file)
  if (loaded !== undefined) {
    throw new BpfError('ERR_STATE', 'the addon is loaded already', {
      operation: 'set',
      target: "the addon's file",
    })
  }
  named = file
}
