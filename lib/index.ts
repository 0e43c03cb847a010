export type { BtfMember, BtfStruct, BtfType, BtfVariable } from './btf/btf.js'
export { Btf } from './btf/btf.js'
export type { BpfErrorCode, BpfErrorDetails } from './errors/errors.js'
export { BpfError, RecordTooShortError, VerifierError } from './errors/errors.js'
export type { EventStreamOptions } from './stream/event-stream.js'
export { openEventStream } from './stream/event-stream.js'
export type { GlobalValue } from './object/globals.js'
export type { DetachedOptions } from './link/detached.js'
export type { AttachTarget, AttachTargets } from './link/attach.js'
export type { IterTarget } from './link/iter.js'
export type { Iteration } from './link/iteration.js'
export type { LinkInfo } from './link/link-info.js'
export type { NamedProgram } from './link/link.js'
export { BpfLink } from './link/link.js'
export type { PerfEventName, PerfEventTarget } from './link/perf-event.js'
export type { AttachType, LinkType, ProgramFlag, ProgramType } from './link/program-types.js'
export { BpfMap } from './map/map.js'
export type { PerfBufferOptions, PerfBufferStats, PerfMapStats } from './stream/perf-buffer.js'
export { PerfBuffer } from './stream/perf-buffer.js'
export type { Phase } from './addon/session.js'
export { BpfObject } from './object/object.js'
export type { ProgramInfo } from './object/program-info.js'
export { BpfProgram } from './object/program.js'
export type { RunStats } from './object/stats.js'
export { enableStats } from './object/stats.js'
export type { TestRun, TestRunFlag, TestRunOptions } from './object/test-run.js'
export type { RecordIterator } from './stream/iteration.js'
export type { ReaderStats } from './stream/accounting.js'
export type { EndOptions } from './stream/arguments.js'
export type { AsSourced, SourcedRecord } from './stream/decoding.js'
export type { ReaderOptions } from './stream/options.js'
export type { RingBufferOptions, RingBufferStats, RingStats } from './stream/ring-buffer.js'
export { RingBuffer } from './stream/ring-buffer.js'
export type {
  Fields,
  Placed,
  Struct,
  StructOptions,
  StructValue,
  Type,
  Value,
  Wide,
} from './types/struct.js'
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
} from './types/struct.js'
