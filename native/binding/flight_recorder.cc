#include "binding/flight_recorder.h"

#include <errno.h>

#include <vector>

#include "binding/arguments.h"
#include "core/log.h"
#include "core/perf_snapshot.h"
#include "core/ring_snapshot.h"

namespace bpf_ringbuf {

namespace {

// Fields of the array that snapshot() fills; lib/stream/flight-recorder.ts has
// the same order.
enum Taken {
  kBeginBytes,
  kEndBytes,
  kOverwrittenBytes,
  kRecordBytes,  // -1 when they differ
  kFields,
};

}  // namespace

void FlightRecorder::Init(Napi::Env env, Environment* environment,
                          Napi::Object exports) {
  exports.Set(
      "FlightRecorder",
      DefineClass(env, "FlightRecorder",
                  {
                      InstanceMethod<&FlightRecorder::OpenRing>("openRing"),
                      InstanceMethod<&FlightRecorder::OpenPerf>("openPerf"),
                      InstanceMethod<&FlightRecorder::SizeBytes>("sizeBytes"),
                      InstanceMethod<&FlightRecorder::Snapshot>("snapshot"),
                      InstanceMethod<&FlightRecorder::Close>("close"),
                  },
                  environment));
}

// new FlightRecorder()
FlightRecorder::FlightRecorder(const Napi::CallbackInfo& info)
    : Napi::ObjectWrap<FlightRecorder>(info),
      environment_(static_cast<Environment*>(info.Data())) {}

FlightRecorder::~FlightRecorder() { CloseHandle(); }

void FlightRecorder::CloseHandle() {
  if (source_ == nullptr) return;
  environment_->Remove(this);
  source_.reset();
}

// mmap() of a ring with BPF_F_RB_OVERWRITE
// openRing(mapFd: number): number
//   -EMEDIUMTYPE when it is a ring that does not overwrite
Napi::Value FlightRecorder::OpenRing(const Napi::CallbackInfo& info) {
  int32_t map_fd;
  if (!ReadArguments(info, &map_fd)) return {};
  if (source_ != nullptr) return Napi::Number::New(info.Env(), -EALREADY);
  const LogCapture capture;
  const int error = RingSnapshot::Open(map_fd, &source_);
  environment_->log.clear();
  if (error == 0) environment_->Add(this);
  return Napi::Number::New(info.Env(), error);
}

// perf_event_open(), mmap() and bpf_map_update_elem() for each CPU
// openPerf(mapFd: number, pageCount: number, cpus: Int32Array,
//          timeOffset: number): number
//   where a record has its time; -1: the kernel stamps it
Napi::Value FlightRecorder::OpenPerf(const Napi::CallbackInfo& info) {
  int32_t map_fd;
  uint32_t page_count;
  std::vector<int32_t> cpus;
  int32_t time_offset;
  if (!ReadArguments(info, &map_fd, &page_count, &cpus, &time_offset)) {
    return {};
  }
  if (source_ != nullptr) return Napi::Number::New(info.Env(), -EALREADY);
  const int error = PerfSnapshot::Open(
      map_fd, page_count, cpus,
      {time_offset < 0, static_cast<uint32_t>(time_offset)}, &source_);
  environment_->log.clear();
  if (error == 0) environment_->Add(this);
  return Napi::Number::New(info.Env(), error);
}

// sizeBytes(): number
//   of all buffers of the kernel: what a snapshot takes at most
Napi::Value FlightRecorder::SizeBytes(const Napi::CallbackInfo& info) {
  if (source_ == nullptr) return Napi::Number::New(info.Env(), -EBADF);
  return Napi::Number::New(info.Env(),
                           static_cast<double>(source_->size_bytes()));
}

// Fills `frames`, which has sizeBytes() at least, and `taken`.
// snapshot(frames: Uint8Array, taken: Float64Array): number
Napi::Value FlightRecorder::Snapshot(const Napi::CallbackInfo& info) {
  Bytes frames;
  Napi::Float64Array taken;
  if (!ReadArguments(info, &frames, &taken)) return {};
  if (source_ == nullptr) return Napi::Number::New(info.Env(), -EBADF);
  if (frames.size_bytes < source_->size_bytes() ||
      reinterpret_cast<uintptr_t>(frames.data) % 8 != 0 ||
      taken.ElementLength() < kFields) {
    ThrowTypeError(info.Env(), "There is too little room for a snapshot");
    return {};
  }
  bpf_ringbuf::Snapshot snapshot;
  const int error = source_->Take(frames.data, &snapshot);
  double* fields = taken.Data();
  fields[kBeginBytes] = static_cast<double>(snapshot.begin_bytes);
  fields[kEndBytes] = static_cast<double>(snapshot.end_bytes);
  fields[kOverwrittenBytes] = static_cast<double>(snapshot.overwritten_bytes);
  fields[kRecordBytes] =
      snapshot.record_bytes == bpf_ringbuf::Snapshot::kDifferent
          ? -1
          : static_cast<double>(snapshot.record_bytes);
  return Napi::Number::New(info.Env(), error);
}

// munmap(), close()
// close(): void
Napi::Value FlightRecorder::Close(const Napi::CallbackInfo& info) {
  CloseHandle();
  return info.Env().Undefined();
}

}  // namespace bpf_ringbuf
