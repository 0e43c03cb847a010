// native/binding/map.cc, see addon.ts for what its methods do about errors.

export interface NativeMap {
  name(): string
  type(): string
  keySize(): number
  valueSize(): number
  maxEntries(): number
  flags(): number
  setMaxEntries(count: number): number
  setAutocreate(autocreate: boolean): number
  fd(): number
  lookup(key: Uint8Array): Uint8Array | number
  readData(offset: number, size: number): Uint8Array | number
  writeData(offset: number, bytes: Uint8Array): number
}
