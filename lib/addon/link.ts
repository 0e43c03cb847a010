// native/binding/link.cc, see addon.ts for what its methods do about errors.

export interface NativeLink {
  close(): void
}
