// native/binding/program.cc, see addon.ts for what its methods do about errors.
import type { NativeLink } from './link.js'

export interface NativeProgram {
  name(): string
  section(): string
  type(): number
  fd(): number
  autoload(): boolean
  setAutoload(autoload: boolean): number
  attach(): NativeLink | number
  testRun(context: Uint8Array | undefined): number
}
