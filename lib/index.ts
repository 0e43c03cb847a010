export type { BtfOptions, BtfReader } from './btf/reader.js'
export type {
  BtfArray,
  BtfDeclaration,
  BtfDeclarationTag,
  BtfEnum,
  BtfEnumerator,
  BtfFloat,
  BtfForward,
  BtfFunction,
  BtfInt,
  BtfKind,
  BtfLinkage,
  BtfMember,
  BtfParameter,
  BtfPointer,
  BtfPrototype,
  BtfQualifier,
  BtfSection,
  BtfStruct,
  BtfTag,
  BtfType,
  BtfTypedef,
  BtfTypeTag,
  BtfVariable,
  BtfVariableDeclaration,
  BtfVoid,
} from './btf/types.js'
export { setAddonFile } from './addon/addon.js'
export type { BpfErrorCode, BpfErrorDetails } from './errors/errors.js'
export { BpfError, RecordTooShortError, UnknownTagError, VerifierError } from './errors/errors.js'
export type { EventStreamOptions } from './stream/event-stream.js'
export { openEventStream } from './stream/event-stream.js'
export type { FlightRecorderOptions, Snapshot } from './stream/flight-recorder.js'
export { FlightRecorder } from './stream/flight-recorder.js'
export type { GlobalValue } from './object/globals.js'
export type { DetachedOptions } from './link/detached.js'
export type { AttachTarget, AttachTargets } from './link/attach.js'
export type { IterTarget } from './link/iter.js'
export type {
  FreplaceTarget,
  KprobeMultiTarget,
  KprobeTarget,
  KretprobeTarget,
  KsyscallTarget,
  StructOpsTarget,
  TraceTarget,
} from './link/kernel-probes.js'
export type { WithCookie } from './link/kind.js'
export type {
  BesideLink,
  NetfilterTarget,
  NetkitTarget,
  TcTarget,
  TcxTarget,
  XdpTarget,
} from './link/network.js'
export type { CgroupTarget, NetnsTarget, SocketTarget, SockmapTarget } from './link/sockets.js'
export type { RawTracepointTarget, TracepointTarget } from './link/tracepoints.js'
export type { UprobeMultiTarget, UprobeTarget, UsdtTarget, UserFile } from './link/user-probes.js'
export type { Iteration } from './link/iteration.js'
export type { LinkInfo } from './link/link-info.js'
export type { NamedProgram, StructOpsUpdate } from './link/link.js'
export { BpfLink } from './link/link.js'
export type { Descriptor } from './map/codec.js'
export type { CreateOptions } from './map/create.js'
export type { PushOptions, SetOptions } from './map/entries.js'
export type {
  KeyAndCpuValues,
  KeyAndValue,
  KeyOnly,
  MapTypes,
  ValueOnly,
} from './map/entry-types.js'
export type { MapFlag } from './map/kinds.js'
export type { MapInfo } from './map/info.js'
export type { PerfEventName, PerfEventTarget } from './link/perf-event.js'
export type { AttachType, LinkType, ProgramFlag, ProgramType } from './link/program-types.js'
export { BpfMap } from './map/map.js'
export { TaskDescriptor } from './map/task.js'
export type { MapView } from './map/view.js'
export type { AttachFeatures } from './machine/attach-features.js'
export type { Feature } from './machine/feature.js'
export type { BufferFeatures, Features, KernelFeatures } from './machine/features.js'
export { features } from './machine/features.js'
export type { LibbpfFeatures } from './machine/libbpf-features.js'
export type { ProcessFeatures, SystemFeatures } from './machine/settings.js'
export type { PerfBufferOptions, PerfBufferStats, PerfMapStats } from './stream/perf-buffer.js'
export { PerfBuffer } from './stream/perf-buffer.js'
export type { Phase } from './addon/session.js'
export type { OpenOptions } from './object/object.js'
export { BpfObject } from './object/object.js'
export type { ProgramInfo } from './object/program-info.js'
export { BpfProgram } from './object/program.js'
export type { RunStats } from './object/stats.js'
export { enableStats } from './object/stats.js'
export type { TestRun, TestRunFlag, TestRunOptions } from './object/test-run.js'
export type { SkeletonMap, SkeletonParts } from './skeleton/parts.js'
export type { BpfPerfRing, BpfRing, BpfStream } from './skeleton/ring.js'
export type { SkeletonOptions } from './skeleton/skeleton.js'
export { BpfSkeleton } from './skeleton/skeleton.js'
export type { RecordIterator } from './stream/iteration.js'
export type { ReaderStats } from './stream/accounting.js'
export type { EndOptions } from './stream/arguments.js'
export type { AwaitedCallback, TagCallbacks } from './stream/callbacks.js'
export type { AsSourced, SourcedRecord } from './stream/decoding.js'
export type { ReaderOptions } from './stream/options.js'
export type { RingBufferOptions, RingBufferStats, RingStats } from './stream/ring-buffer.js'
export { RingBuffer } from './stream/ring-buffer.js'
export type { FileFunction } from './symbols/file-functions.js'
export { functionsOf } from './symbols/file-functions.js'
export type { Frame, SymbolizerOptions } from './symbols/symbolizer.js'
export { Symbolizer } from './symbols/symbolizer.js'
export type { UserRingBufferOptions, WhenFreeOptions } from './stream/user-ring-buffer.js'
export { UserRingBuffer } from './stream/user-ring-buffer.js'
export { UserRingReservation } from './stream/user-ring-reservation.js'
export { ipv4, ipv6, ktime, ktimeNow, mac, uuid } from './types/addresses.js'
export type { BitFields, BitFieldsValue, BitsValue } from './types/bits.js'
export { bits } from './types/bits.js'
export type { BtfDecoderOptions } from './types/from-btf.js'
export { Btf } from './types/btf.js'
export type { EnumNames, EnumValue, Enumeration } from './types/enumeration.js'
export { enumeration } from './types/enumeration.js'
export type { Fields, Placed, StructOptions, StructValue } from './types/fields.js'
export { at } from './types/fields.js'
export type { Wide, WideWord, Word } from './types/integer.js'
export { i128, i16, i32, i64, i8, pointer, u128, u16, u32, u64, u8 } from './types/integer.js'
export { map } from './types/own.js'
export { bool, f32, f64 } from './types/scalar.js'
export { array, bytes, cstring } from './types/sequence.js'
export type { Struct } from './types/struct.js'
export { struct } from './types/struct.js'
export type {
  ByTag,
  CaseValue,
  Tagged,
  TaggedCases,
  TaggedOptions,
  UnknownRecord,
  UnknownTags,
} from './types/tagged.js'
export { tagged } from './types/tagged.js'
export type { IntegerForm, Type, Value } from './types/type.js'
export type { OneOf, Union } from './types/union.js'
export { union } from './types/union.js'
export type { WithIntegers } from './types/with-integers.js'
export { withIntegers } from './types/with-integers.js'
