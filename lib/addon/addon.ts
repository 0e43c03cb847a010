// The addon as TypeScript sees it. Each declaration stands above the method of
// the same name in native/ as well. Native code never throws: it returns a
// negative error number, and takeLog() has what libbpf printed.
import { join } from 'node:path'
import bindings from 'bindings'
import { BpfError } from '../errors/errors.js'

export interface NativeObject {
  open(bytes: Uint8Array, name: string): number
  load(): number
  close(): void
  btf(): Uint8Array | undefined
  maps(): NativeMap[]
  dataMap(section: string): NativeMap | undefined
  programs(): NativeProgram[]
}

export interface NativeMap {
  name(): string
  type(): number
  keySize(): number
  valueSize(): number
  maxEntries(): number
  setMaxEntries(count: number): number
  setAutocreate(autocreate: boolean): number
  fd(): number
  lookup(key: Uint8Array): Uint8Array | number
  readData(offset: number, size: number): Uint8Array | number
  writeData(offset: number, bytes: Uint8Array): number
}

export interface NativeProgram {
  name(): string
  section(): string
  type(): number
  fd(): number
  autoload(): boolean
  setAutoload(autoload: boolean): number
  attach(): NativeLink | number
  testRun(context: Uint8Array | undefined): number
}

export interface NativeLink {
  close(): void
}

export interface NativeReader {
  open(): number
  addRing(mapFd: number, wakeupBytes: number, drainIntervalUs: number): number
  addPerf(
    mapFd: number,
    pageCount: number,
    watermarkBytes: number,
    wakeupEvents: number,
    cpus: Int32Array,
    drainIntervalUs: number,
  ): number
  start(pump: () => void, libuvThreads: boolean): number
  take(): number
  arena(index: number): ArrayBuffer
  contents(index: number): ArrayBuffer
  giveBack(index: number): void
  drain(): number
  mark(): number
  markReached(mark: number): number
  unmark(mark: number): void
  stats(): number[]
  sourceState(index: number): number[]
  setRef(ref: boolean): void
  stop(): void
  close(): void
}

export interface Addon {
  Object: new () => NativeObject
  Reader: new (
    coalesceUs: number,
    batchBytes: number,
    batchCount: number,
    taken: Float64Array,
  ) => NativeReader
  takeLog(): string
  possibleCpus(): number
  probeMapType(type: number): number
  libbpfVersion: string
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

/** Says what to install or run; exported for its test. */
export function addonError(cause: unknown): BpfError {
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
