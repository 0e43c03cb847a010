// native/binding/reader.cc, see addon.ts for what its methods do about errors.

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
