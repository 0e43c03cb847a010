// native/binding/map.cc, see addon.ts for what its methods do about errors.
import type { NativeMapHandle } from './map-handle.js'

export interface NativeMap {
  name(): string
  type(): string
  keySize(): number
  valueSize(): number
  maxEntries(): number
  declared(): number[]
  inner(): number[]
  pinPath(): string
  autocreate(): boolean
  setKeySize(sizeBytes: number): number
  setValueSize(sizeBytes: number): number
  setMaxEntries(count: number): number
  setAutocreate(autocreate: boolean): number
  reuse(fd: number): number
  fd(): number
  handle(): NativeMapHandle | number
  readData(offset: number, size: number): Uint8Array | number
  writeData(offset: number, bytes: Uint8Array): number
}
