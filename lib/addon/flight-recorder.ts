// native/binding/flight_recorder.cc, see addon.ts for what its methods do about errors.

export interface NativeFlightRecorder {
  openRing(mapFd: number): number
  openPerf(mapFd: number, pageCount: number, cpus: Int32Array, timeOffset: number): number
  sizeBytes(): number
  snapshot(frames: Uint8Array, taken: Float64Array): number
  close(): void
}
