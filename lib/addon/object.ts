// native/binding/object.cc, see addon.ts for what its methods do about errors.
import type { NativeMap } from './map.js'
import type { NativeProgram } from './program.js'

export interface NativeObject {
  /**
   * @param bytes Not shared with other threads: they are parsed in place.
   * @param pinRoot Nothing for libbpf's, /sys/fs/bpf.
   * @param tokenPath Nothing for what LIBBPF_BPF_TOKEN_PATH says.
   */
  open(bytes: Uint8Array, name: string, pinRoot: string, tokenPath: string): number
  /** Maps that are declared with LIBBPF_PIN_BY_NAME will be neither pinned nor found. */
  forgetPins(): void
  load(): number
  kernelVersion(): number
  setKernelVersion(version: number): number
  close(): void
  btf(): Uint8Array | undefined
  maps(): NativeMap[]
  dataMap(section: string): NativeMap | undefined
  programs(): NativeProgram[]
}
