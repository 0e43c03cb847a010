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
import { join } from 'node:path'
import bindings from 'bindings'
import { BpfError } from '../errors/errors.js'
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
  dumpBtf(btf: Uint8Array, all: boolean, names: string[], aliases: string[]): Uint8Array | number
  possibleCpus(): number
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

/**
 * The addon, loaded at its first use, so that importing the package works
 * everywhere and the error comes where it is needed.
 */
export function addon(): Addon {
  loaded ??= load()
  return loaded
}

function load(): Addon {
  if (process.platform !== 'linux') {
    throw new BpfError('ERR_ADDON', `BPF needs Linux, this is ${process.platform}`, {
      operation: 'load',
      target: 'the native addon of bpf-ringbuf',
    })
  }
  try {
    return bindings({ bindings: 'bpf_ringbuf', module_root: join(__dirname, '../..') }) as Addon
  } catch (cause) {
    throw addonError(cause)
  }
}

/** Says what to install or run. */
function addonError(cause: unknown): BpfError {
  const message = cause instanceof Error ? cause.message : String(cause)
  const details = { operation: 'load', target: 'the native addon of bpf-ringbuf', cause }
  const library = /(lib(?:bpf|elf|z)\.so[.\d]*): (?:cannot open shared object|No such file)/.exec(
    message,
  )?.[1]
  if (library !== undefined) {
    return new BpfError('ERR_ADDON', `${library} is not installed`, {
      ...details,
      hint: 'Install it: "apt-get install libbpf1" (Debian, Ubuntu) or "dnf install libbpf" (Fedora)',
    })
  }
  if (message.includes('Could not locate the bindings file')) {
    return new BpfError('ERR_ADDON', 'it was not built for this machine', {
      ...details,
      hint:
        'Install a compiler and libbpf, "apt-get install g++ make python3 pkg-config libbpf-dev" ' +
        '(Debian, Ubuntu), then run "npm rebuild bpf-ringbuf"; npm 11 and newer builds it only ' +
        'when the install script is allowed',
    })
  }
  return new BpfError('ERR_ADDON', message.split('\n', 1)[0] ?? message, {
    ...details,
    hint: 'If it was built for another machine or Node, run "npm rebuild bpf-ringbuf"',
  })
}
