// native/binding/link.cc, see addon.ts for what its methods do about errors.
import type { NativeDescriptor } from './descriptor.js'

export interface NativeLink {
  fd(): number
  ids(): number[]
  info(): Uint8Array | number
  pin(path: string): number
  unpin(path: string): number
  update(programFd: number): number
  updateMap(name: string): number
  detach(): number
  iterate(): NativeDescriptor | number
  close(): void
}
