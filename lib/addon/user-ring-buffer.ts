// native/binding/user_ring_buffer.cc, see addon.ts for what its methods do about errors.

export interface NativeUserRingBuffer {
  open(mapFd: number): number
  write(bytes: Uint8Array, sizeBytes: number): number
  reserve(sizeBytes: number): number
  submit(reservation: number, bytes: Uint8Array): number
  discard(reservation: number): number
  waitForRoom(timeoutMs: number): Promise<void> | undefined
  close(): void
}
