// native/binding/descriptor.cc, see addon.ts for what its methods do about errors.

export interface NativeDescriptor {
  fd(): number
  close(): void
}
