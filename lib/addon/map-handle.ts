// native/binding/map_handle.cc, see addon.ts for what its methods do about errors.

/**
 * Keys and values are positions in its memory(). What a call answers beside its
 * result is the memory's first word.
 */
export interface NativeMapHandle {
  name(): string
  type(): string
  info(): number[]
  btf(): Uint8Array | undefined
  fd(): number
  pin(path: string): number
  freeze(): number
  mmap(): ArrayBuffer | number
  memory(sizeBytes: number): ArrayBuffer | number
  valueBytes(): number
  useBatch(use: boolean): void
  lookup(key: number, value: number): number
  update(key: number, value: number, flags: number): number
  delete(key: number): number
  take(key: number, value: number): number
  push(value: number, flags: number): number
  pop(value: number): number
  peek(value: number): number
  lookupMany(keys: number, count: number, values: number, found: number): number
  updateMany(keys: number, values: number, count: number, flags: number): number
  deleteMany(keys: number, count: number): number
  walk(
    begin: boolean,
    take: boolean,
    position: number,
    keys: number,
    values: number,
    count: number,
  ): number
  close(): void
}
