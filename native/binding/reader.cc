#include "binding/reader.h"

#include <errno.h>
#include <pthread.h>

#include <cstring>
#include <utility>

#include "core/log.h"
#include "core/perf_source.h"
#include "core/ring_source.h"

namespace bpf_ringbuf {

namespace {

// Fields of the array that take() and drain() fill; lib/stream/batch.ts has the
// same order.
enum Taken {
  kSizeBytes,
  kRecordBytes,
  kGeneration,
  kInWindow,
  kError,  // when there was nothing to take
  kMore,   // after drain(): the batch became full
};

uint64_t IntervalOf(Napi::Value microseconds) {
  return static_cast<uint64_t>(microseconds.As<Napi::Number>().Int64Value());
}

void* RunPoller(void* poller) {
  static_cast<Poller*>(poller)->Run();
  return nullptr;
}

}  // namespace

void Reader::Init(Napi::Env env, Napi::Object exports) {
  exports.Set(
      "Reader",
      DefineClass(env, "Reader",
                  {
                      InstanceMethod<&Reader::Open>("open"),
                      InstanceMethod<&Reader::AddRing>("addRing"),
                      InstanceMethod<&Reader::AddPerf>("addPerf"),
                      InstanceMethod<&Reader::Start>("start"),
                      InstanceMethod<&Reader::Take>("take"),
                      InstanceMethod<&Reader::Arena>("arena"),
                      InstanceMethod<&Reader::Contents>("contents"),
                      InstanceMethod<&Reader::GiveBack>("giveBack"),
                      InstanceMethod<&Reader::Drain>("drain"),
                      InstanceMethod<&Reader::Mark>("mark"),
                      InstanceMethod<&Reader::MarkReached>("markReached"),
                      InstanceMethod<&Reader::Unmark>("unmark"),
                      InstanceMethod<&Reader::Stats>("stats"),
                      InstanceMethod<&Reader::SourceState>("sourceState"),
                      InstanceMethod<&Reader::SetRef>("setRef"),
                      InstanceMethod<&Reader::Stop>("stop"),
                      InstanceMethod<&Reader::Close>("close"),
                  }));
}

// new Reader(coalesceUs: number, batchBytes: number, batchCount: number,
//            taken: Float64Array)
Reader::Reader(const Napi::CallbackInfo& info)
    : Napi::ObjectWrap<Reader>(info) {
  PollerOptions options = {};
  options.coalesce_us = info[0].As<Napi::Number>().Uint32Value();
  options.batch_bytes = info[1].As<Napi::Number>().Uint32Value();
  options.batch_count = info[2].As<Napi::Number>().Uint32Value();
  auto taken = info[3].As<Napi::Float64Array>();
  taken_ = taken.Data();
  taken_reference_ = Napi::Persistent(taken);
  poller_ = std::make_unique<Poller>(options, [this] { RingBell(); });
}

Reader::~Reader() { CloseHandle(); }

void Reader::CloseHandle() {
  if (poller_ == nullptr) return;
  Environment::Of(Env())->Remove(this);
  StopThread();
  if (bell_ != nullptr) {
    napi_release_threadsafe_function(bell_, napi_tsfn_abort);
    bell_ = nullptr;
  }
  poller_.reset();
}

// epoll_create1(), eventfd()
// open(): number
Napi::Value Reader::Open(const Napi::CallbackInfo& info) {
  Environment::Of(info.Env())->Add(this);
  return Napi::Number::New(info.Env(), poller_->Open());
}

// ring_buffer__new(): one ring buffer for each map
// addRing(mapFd: number, wakeupBytes: number, drainIntervalUs: number): number
Napi::Value Reader::AddRing(const Napi::CallbackInfo& info) {
  if (poller_ == nullptr) return Napi::Number::New(info.Env(), -EBADF);
  const int map_fd = info[0].As<Napi::Number>().Int32Value();
  const LogCapture capture;
  std::unique_ptr<RingSource> source;
  int error =
      RingSource::Open(map_fd, static_cast<uint32_t>(poller_->source_count()),
                       info[1].As<Napi::Number>().Uint32Value(), &source);
  if (error == 0) {
    error = poller_->Add(std::move(source), IntervalOf(info[2]));
  }
  if (error != 0) Environment::Of(info.Env())->log = capture.text();
  return Napi::Number::New(info.Env(), error);
}

// perf_buffer__new_raw()
// addPerf(mapFd: number, pageCount: number, watermarkBytes: number,
//         wakeupEvents: number, cpus: Int32Array,
//         drainIntervalUs: number): number
Napi::Value Reader::AddPerf(const Napi::CallbackInfo& info) {
  if (poller_ == nullptr) return Napi::Number::New(info.Env(), -EBADF);
  const int map_fd = info[0].As<Napi::Number>().Int32Value();
  const auto cpus = info[4].As<Napi::Int32Array>();
  PerfOptions options = {};
  options.page_count = info[1].As<Napi::Number>().Uint32Value();
  options.watermark_bytes = info[2].As<Napi::Number>().Uint32Value();
  options.wakeup_events = info[3].As<Napi::Number>().Uint32Value();
  options.cpus.assign(cpus.Data(), cpus.Data() + cpus.ElementLength());
  const LogCapture capture;
  std::unique_ptr<PerfSource> source;
  int error = PerfSource::Open(
      map_fd, static_cast<uint32_t>(poller_->source_count()), options, &source);
  if (error == 0) {
    error = poller_->Add(std::move(source), IntervalOf(info[5]));
  }
  if (error != 0) Environment::Of(info.Env())->log = capture.text();
  return Napi::Number::New(info.Env(), error);
}

// uv_thread_create(); ring_buffer__poll() and ring_buffer__consume() on it.
// `pump` is called without arguments after batches were published.
// start(pump: () => void, libuvThreads: boolean): number
Napi::Value Reader::Start(const Napi::CallbackInfo& info) {
  if (poller_ == nullptr) return Napi::Number::New(info.Env(), -EBADF);
  libuv_threads_ = info[1].As<Napi::Boolean>();
  return Napi::Number::New(
      info.Env(), StartThread(info.Env(), info[0].As<Napi::Function>()));
}

int Reader::StartThread(Napi::Env env, Napi::Function pump) {
  // One caller, the poll thread, and no bound: the poller rings at most once
  // for each time the published batches were taken.
  const napi_status status = napi_create_threadsafe_function(
      env, pump, nullptr, Napi::String::New(env, "bpf-ringbuf"), 0, 1, nullptr,
      nullptr, nullptr, nullptr, &bell_);
  if (status != napi_ok) return -ENOMEM;
  Environment::Of(env)->RenewCleanupHook();
  // Bun has Node-API without libuv; in Deno a uv_thread_t is no pthread_t.
  int error;
  if (libuv_threads_) {
    error = uv_thread_create(
        &thread_, [](void* poller) { RunPoller(poller); }, poller_.get());
  } else {
    error = -pthread_create(&thread_, nullptr, RunPoller, poller_.get());
  }
  if (error != 0) {
    napi_release_threadsafe_function(bell_, napi_tsfn_abort);
    bell_ = nullptr;
    return error;
  }
  thread_running_ = true;
  return 0;
}

void Reader::RingBell() {
  // Without a thread JavaScript drains by itself and needs no bell.
  if (bell_ == nullptr) return;
  napi_call_threadsafe_function(bell_, nullptr, napi_tsfn_nonblocking);
}

// take(): number
//   the index of the oldest published batch, which is now lent, with `taken`
//   filled; -1 when there is none
Napi::Value Reader::Take(const Napi::CallbackInfo& info) {
  Batch* batch = poller_ == nullptr ? nullptr : poller_->Take();
  if (batch == nullptr) {
    taken_[kError] = poller_ == nullptr ? 0 : poller_->error();
    return Napi::Number::New(info.Env(), -1);
  }
  taken_[kSizeBytes] = static_cast<double>(batch->size_bytes());
  taken_[kRecordBytes] = static_cast<double>(batch->record_bytes());
  taken_[kGeneration] = batch->generation();
  taken_[kInWindow] = batch->size_bytes() <= batch->window_bytes() ? 1 : 0;
  return Napi::Number::New(info.Env(), batch->index());
}

// The memory of a lent batch whose contents are in the window; valid for all
// batches of this index and generation.
// arena(index: number): ArrayBuffer
Napi::Value Reader::Arena(const Napi::CallbackInfo& info) {
  const Batch* batch = poller_->batch(info[0].As<Napi::Number>().Uint32Value());
  auto* arena = new std::shared_ptr<bpf_ringbuf::Arena>(batch->arena());
  const Napi::ArrayBuffer buffer = Napi::ArrayBuffer::New(
      info.Env(), (*arena)->data(), batch->window_bytes(),
      [](Napi::Env, void*, std::shared_ptr<bpf_ringbuf::Arena>* shared) {
        delete shared;
      },
      arena);
  // Without a buffer there is nobody to finalize it.
  if (buffer.IsEmpty()) delete arena;
  return buffer;
}

// A copy of a lent batch whose contents are larger than the window.
// contents(index: number): ArrayBuffer
Napi::Value Reader::Contents(const Napi::CallbackInfo& info) {
  const Batch* batch = poller_->batch(info[0].As<Napi::Number>().Uint32Value());
  Napi::ArrayBuffer copy =
      Napi::ArrayBuffer::New(info.Env(), batch->size_bytes());
  if (!copy.IsEmpty()) {
    memcpy(copy.Data(), batch->arena()->data(), batch->size_bytes());
  }
  return copy;
}

// giveBack(index: number): void
Napi::Value Reader::GiveBack(const Napi::CallbackInfo& info) {
  if (poller_ != nullptr) {
    poller_->GiveBack(poller_->batch(info[0].As<Napi::Number>().Uint32Value()));
  }
  return info.Env().Undefined();
}

// ring_buffer__consume() on the calling thread
// drain(): number
//   the records received, or -errno
Napi::Value Reader::Drain(const Napi::CallbackInfo& info) {
  if (poller_ == nullptr) return Napi::Number::New(info.Env(), -EBADF);
  bool more = false;
  const int64_t records = poller_->Drain(&more);
  taken_[kMore] = more ? 1 : 0;
  return Napi::Number::New(info.Env(), static_cast<double>(records));
}

// mark(): number
//   marks what the kernel's buffers hold now; a number for the two below
Napi::Value Reader::Mark(const Napi::CallbackInfo& info) {
  if (poller_ == nullptr) return Napi::Number::New(info.Env(), -EBADF);
  return Napi::Number::New(info.Env(), poller_->Mark());
}

// markReached(mark: number): number
//   the batches that had been published when all of it had been taken from the
//   kernel; -1 before
Napi::Value Reader::MarkReached(const Napi::CallbackInfo& info) {
  const int64_t published =
      poller_ == nullptr
          ? -1
          : poller_->MarkReached(info[0].As<Napi::Number>().Uint32Value());
  return Napi::Number::New(info.Env(), static_cast<double>(published));
}

// unmark(mark: number): void
Napi::Value Reader::Unmark(const Napi::CallbackInfo& info) {
  if (poller_ != nullptr) {
    poller_->Unmark(info[0].As<Napi::Number>().Uint32Value());
  }
  return info.Env().Undefined();
}

// stats(): [records, bytes, batches, wakeups, dropped, stalls]
Napi::Value Reader::Stats(const Napi::CallbackInfo& info) {
  Napi::Array stats = Napi::Array::New(info.Env());
  if (poller_ == nullptr) return stats;
  const PollerStats values = poller_->stats();
  const double fields[] = {
      static_cast<double>(values.records), static_cast<double>(values.bytes),
      static_cast<double>(values.batches), static_cast<double>(values.wakeups),
      static_cast<double>(values.dropped), static_cast<double>(values.stalls)};
  for (const double field : fields) stats.Set(stats.Length(), field);
  return stats;
}

// sourceState(index: number): number[]
//   the size of each buffer in bytes, the most that was queued in one, the
//   number of buffers, the consumer's and the producer's position of each, then
//   the records lost on each CPU
Napi::Value Reader::SourceState(const Napi::CallbackInfo& info) {
  Napi::Array fields = Napi::Array::New(info.Env());
  if (poller_ == nullptr) return fields;
  const Source& source =
      poller_->source(info[0].As<Napi::Number>().Uint32Value());
  const bpf_ringbuf::SourceState state = source.state();
  const auto add = [&fields](uint64_t field) {
    fields.Set(fields.Length(), static_cast<double>(field));
  };
  add(state.size_bytes);
  add(state.peak_bytes);
  add(state.buffers.size());
  for (const BufferPositions& buffer : state.buffers) {
    add(buffer.consumer);
    add(buffer.producer);
  }
  for (const uint64_t lost : state.lost_by_cpu) add(lost);
  return fields;
}

// napi_ref_threadsafe_function(), napi_unref_threadsafe_function()
// setRef(ref: boolean): void
Napi::Value Reader::SetRef(const Napi::CallbackInfo& info) {
  if (bell_ != nullptr) {
    if (info[0].As<Napi::Boolean>()) {
      napi_ref_threadsafe_function(info.Env(), bell_);
    } else {
      napi_unref_threadsafe_function(info.Env(), bell_);
    }
  }
  return info.Env().Undefined();
}

void Reader::StopThread() {
  if (!thread_running_) return;
  poller_->Stop();
  if (libuv_threads_) {
    uv_thread_join(&thread_);
  } else {
    pthread_join(thread_, nullptr);
  }
  thread_running_ = false;
}

// uv_thread_join(): what stats() and sourceState() say is final after it
// stop(): void
Napi::Value Reader::Stop(const Napi::CallbackInfo& info) {
  StopThread();
  return info.Env().Undefined();
}

// ring_buffer__free(), perf_buffer__free()
// close(): void
Napi::Value Reader::Close(const Napi::CallbackInfo& info) {
  CloseHandle();
  return info.Env().Undefined();
}

}  // namespace bpf_ringbuf
