// native/binding/program.cc, see addon.ts for what its methods do about errors.
import type { NativeLink } from './link.js'

/** What the program returned, the nanoseconds of a run, its context and its data after it. */
export type NativeRun = [number, number, Uint8Array | undefined, Uint8Array | undefined]

export interface NativeProgram {
  name(): string
  section(): string
  fd(): number
  type(): number
  setType(type: number): number
  expectedAttachType(): number
  setExpectedAttachType(type: number): number
  flags(): number
  setFlags(flags: number): number
  autoload(): boolean
  setAutoload(autoload: boolean): number
  autoattach(): boolean
  setAutoattach(autoattach: boolean): number
  setAttachTarget(programFd: number, name: string): number
  setLog(level: number, sizeBytes: number): number
  verifierLog(): string
  info(): Uint8Array | number
  testRun(
    context: Uint8Array | undefined,
    contextBack: boolean,
    data: Uint8Array | undefined,
    repeat: number,
    cpu: number,
    flags: number,
    batchSize: number,
  ): NativeRun | number
  attach(): NativeLink | undefined | number
  attachTrace(cookie: bigint): NativeLink | number
  attachFreplace(programFd: number, name: string): NativeLink | number
  attachKprobe(
    symbol: string,
    offset: number,
    cookie: bigint,
    isReturn: boolean,
  ): NativeLink | number
  attachKsyscall(name: string, cookie: bigint, isReturn: boolean): NativeLink | number
  attachKprobeMulti(
    pattern: string,
    symbols: string[],
    cookies: BigUint64Array,
    isReturn: boolean,
  ): NativeLink | number
  attachUprobe(
    path: string,
    symbol: string,
    offset: number,
    pid: number,
    cookie: bigint,
    refCtrOffset: number,
    isReturn: boolean,
  ): NativeLink | number
  attachUprobeMulti(
    path: string,
    pattern: string,
    symbols: string[],
    offsets: BigUint64Array,
    cookies: BigUint64Array,
    pid: number,
    isReturn: boolean,
  ): NativeLink | number
  attachUsdt(
    path: string,
    provider: string,
    name: string,
    pid: number,
    cookie: bigint,
  ): NativeLink | number
  attachTracepoint(category: string, name: string, cookie: bigint): NativeLink | number
  attachRawTracepoint(name: string, cookie: bigint): NativeLink | number
  attachPerfEvents(
    type: number,
    config: bigint,
    sample: bigint,
    isFrequency: boolean,
    targets: Int32Array,
    ofCgroup: boolean,
    cookie: bigint,
  ): NativeLink | number
  attachCgroup(cgroupFd: number): NativeLink | number
  attachNetns(netnsFd: number): NativeLink | number
  attachDevice(
    ifindex: number,
    attachType: number,
    flags: number,
    relativeFd: number,
  ): NativeLink | number
  attachNetfilter(
    family: number,
    hook: number,
    priority: number,
    flags: number,
  ): NativeLink | number
  attachTc(
    ifindex: number,
    attachPoint: number,
    handle: number,
    priority: number,
  ): NativeLink | number
  attachSocket(socketFd: number, isReuseport: boolean): NativeLink | number
  attachSockmap(mapFd: number, attachType: number): NativeLink | number
  attachIter(target: Uint8Array): NativeLink | number
  attachStructOps(map: string): NativeLink | number
}
