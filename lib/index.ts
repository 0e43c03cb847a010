export type { BtfMember, BtfStruct, BtfType, BtfVariable } from './btf.js'
export { Btf } from './btf.js'
export type { BpfErrorCode, BpfErrorDetails } from './errors.js'
export { BpfError, RecordTooShortError, VerifierError } from './errors.js'
export type { EventStreamOptions } from './event-stream.js'
export { openEventStream } from './event-stream.js'
export type { GlobalValue } from './globals.js'
export { BpfLink } from './link.js'
export { BpfMap } from './map.js'
export type { PerfBufferOptions, PerfBufferStats, PerfMapStats } from './perf-buffer.js'
export { PerfBuffer } from './perf-buffer.js'
export type { Phase } from './object.js'
export { BpfObject } from './object.js'
export { BpfProgram } from './program.js'
export type { ReaderStats } from './reader.js'
export type { ReaderOptions } from './reader-options.js'
export type { RingBufferOptions, RingBufferStats, RingStats } from './ring-buffer.js'
export { RingBuffer } from './ring-buffer.js'
export type {
  Fields,
  Placed,
  Struct,
  StructOptions,
  StructValue,
  Type,
  Value,
  Wide,
} from './struct.js'
export {
  array,
  at,
  bool,
  bytes,
  cstring,
  i16,
  i32,
  i64,
  i8,
  struct,
  u16,
  u32,
  u64,
  u8,
} from './struct.js'
