#include "binding/reader.h"

#include <errno.h>
#include <pthread.h>

#include <cstring>
#include <utility>

#include "binding/arguments.h"
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
  kFields,
};

constexpr uint32_t kMostBatches = 1024;

Napi::Value Numbers(Napi::Env env, const std::vector<uint64_t>& numbers) {
  Napi::Array array = Napi::Array::New(env);
  if (array.IsEmpty()) return {};
  uint32_t index = 0;
  for (const uint64_t number : numbers) {
    array.Set(index++, static_cast<double>(number));
  }
  return array;
}

void* RunPoller(void* poller) {
  static_cast<Poller*>(poller)->Run();
  return nullptr;
}

}  // namespace

void Reader::Init(Napi::Env env, Environment* environment,
                  Napi::Object exports) {
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
                  },
                  environment));
}

// new Reader(coalesceUs: number, batchBytes: number, batchCount: number,
//            taken: Float64Array)
Reader::Reader(const Napi::CallbackInfo& info)
    : Napi::ObjectWrap<Reader>(info),
      environment_(static_cast<Environment*>(info.Data())) {
  if (IsEmpty()) return;
  PollerOptions options = {};
  Napi::Float64Array taken;
  if (!ReadArguments(info, &options.coalesce_us, &options.batch_bytes,
                     &options.batch_count, &taken)) {
    return;
  }
  if (options.batch_count > kMostBatches) {
    ThrowTypeError(info.Env(), "There are too many batches");
    return;
  }
  taken_reference_ = Napi::Persistent(taken);
  if (taken_reference_.IsEmpty()) return;
  poller_ = std::make_unique<Poller>(options, [this] { RingBell(); });
}

Reader::~Reader() { CloseHandle(); }

void Reader::CloseHandle() {
  if (poller_ == nullptr) return;
  environment_->Remove(this);
  StopThread();
  poller_.reset();
}

// epoll_create1(), eventfd(); closes the reader when it fails
// open(): number
Napi::Value Reader::Open(const Napi::CallbackInfo& info) {
  if (poller_ == nullptr) return Napi::Number::New(info.Env(), -EBADF);
  if (std::exchange(opened_, true)) {
    return Napi::Number::New(info.Env(), -EALREADY);
  }
  environment_->Add(this);
  const int error = poller_->Open();
  if (error != 0) CloseHandle();
  return Napi::Number::New(info.Env(), error);
}

// ring_buffer__new(): one ring buffer for each map
// addRing(mapFd: number, wakeupBytes: number, drainIntervalUs: number): number
Napi::Value Reader::AddRing(const Napi::CallbackInfo& info) {
  if (poller_ == nullptr) return Napi::Number::New(info.Env(), -EBADF);
  int32_t map_fd;
  uint32_t wakeup_bytes;
  uint64_t interval_us;
  if (!ReadArguments(info, &map_fd, &wakeup_bytes, &interval_us)) return {};
  const LogCapture capture;
  std::unique_ptr<RingSource> source;
  int error =
      RingSource::Open(map_fd, static_cast<uint32_t>(poller_->source_count()),
                       wakeup_bytes, &source);
  if (error == 0) error = poller_->Add(std::move(source), interval_us);
  if (error != 0) environment_->log = capture.text();
  return Napi::Number::New(info.Env(), error);
}

// perf_buffer__new_raw()
// addPerf(mapFd: number, pageCount: number, watermarkBytes: number,
//         wakeupEvents: number, cpus: Int32Array,
//         drainIntervalUs: number): number
Napi::Value Reader::AddPerf(const Napi::CallbackInfo& info) {
  if (poller_ == nullptr) return Napi::Number::New(info.Env(), -EBADF);
  int32_t map_fd;
  PerfOptions options = {};
  uint64_t interval_us;
  if (!ReadArguments(info, &map_fd, &options.page_count,
                     &options.watermark_bytes, &options.wakeup_events,
                     &options.cpus, &interval_us)) {
    return {};
  }
  const LogCapture capture;
  std::unique_ptr<PerfSource> source;
  int error = PerfSource::Open(
      map_fd, static_cast<uint32_t>(poller_->source_count()), options, &source);
  if (error == 0) error = poller_->Add(std::move(source), interval_us);
  if (error != 0) environment_->log = capture.text();
  return Napi::Number::New(info.Env(), error);
}

// uv_thread_create(); ring_buffer__poll() and ring_buffer__consume() on it.
// `pump` is called without arguments after batches were published.
// start(pump: () => void, libuvThreads: boolean): number
Napi::Value Reader::Start(const Napi::CallbackInfo& info) {
  if (poller_ == nullptr) return Napi::Number::New(info.Env(), -EBADF);
  Napi::Function pump;
  bool libuv_threads;
  if (!ReadArguments(info, &pump, &libuv_threads)) return {};
  if (!opened_) return Napi::Number::New(info.Env(), -EBADF);
  if (bell_ != nullptr) return Napi::Number::New(info.Env(), -EALREADY);
  libuv_threads_ = libuv_threads;
  return Napi::Number::New(info.Env(), StartThread(info.Env(), pump));
}

int Reader::StartThread(Napi::Env env, Napi::Function pump) {
  // One caller, the poll thread, and no bound: the poller rings at most once
  // for each time the published batches were taken.
  napi_value name;
  if (napi_create_string_utf8(env, "bpf-ringbuf", NAPI_AUTO_LENGTH, &name) !=
          napi_ok ||
      napi_create_threadsafe_function(env, pump, nullptr, name, 0, 1, nullptr,
                                      nullptr, nullptr, nullptr,
                                      &bell_) != napi_ok) {
    return -ENOMEM;
  }
  int error = -ENOMEM;
  if (environment_->RenewCleanupHook()) {
    // Bun has Node-API without libuv; in Deno a uv_thread_t is no pthread_t.
    if (libuv_threads_) {
      error = uv_thread_create(
          &thread_, [](void* poller) { RunPoller(poller); }, poller_.get());
    } else {
      error = -pthread_create(&thread_, nullptr, RunPoller, poller_.get());
    }
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

bool Reader::ReadTaken(Napi::Env env, double** taken) {
  napi_value array = nullptr;
  napi_typedarray_type type;
  size_t length = 0;
  void* data = nullptr;
  // Each time: JavaScript can take its memory away.
  if (napi_get_reference_value(env, taken_reference_, &array) == napi_ok &&
      napi_get_typedarray_info(env, array, &type, &length, &data, nullptr,
                               nullptr) == napi_ok &&
      length >= kFields) {
    *taken = static_cast<double*>(data);
    return true;
  }
  ThrowTypeError(env, "The array for what was taken is too small");
  return false;
}

const Batch* Reader::ReadLent(const Napi::CallbackInfo& info) {
  uint32_t index;
  if (!ReadArguments(info, &index)) return nullptr;
  const Batch* batch = poller_ == nullptr ? nullptr : poller_->lent(index);
  if (batch == nullptr) ThrowTypeError(info.Env(), "The batch is not lent");
  return batch;
}

// take(): number
//   the index of the oldest published batch, which is now lent, with `taken`
//   filled; -1 when there is none
Napi::Value Reader::Take(const Napi::CallbackInfo& info) {
  double* taken;
  if (!ReadTaken(info.Env(), &taken)) return {};
  const Batch* batch = poller_ == nullptr ? nullptr : poller_->Take();
  if (batch == nullptr) {
    taken[kError] = poller_ == nullptr ? 0 : poller_->error();
    return Napi::Number::New(info.Env(), -1);
  }
  taken[kSizeBytes] = static_cast<double>(batch->size_bytes());
  taken[kRecordBytes] = static_cast<double>(batch->record_bytes());
  taken[kGeneration] = batch->generation();
  taken[kInWindow] = batch->size_bytes() <= batch->window_bytes() ? 1 : 0;
  return Napi::Number::New(info.Env(), batch->index());
}

// The memory of a lent batch whose contents are in the window; valid for all
// batches of this index and generation.
// arena(index: number): ArrayBuffer
Napi::Value Reader::Arena(const Napi::CallbackInfo& info) {
  const Batch* batch = ReadLent(info);
  if (batch == nullptr) return {};
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
  const Batch* batch = ReadLent(info);
  if (batch == nullptr) return {};
  void* data = nullptr;
  napi_value copy = nullptr;
  if (napi_create_arraybuffer(info.Env(), batch->size_bytes(), &data, &copy) !=
      napi_ok) {
    napi_throw_error(info.Env(), nullptr, "Node-API failed");
    return {};
  }
  memcpy(data, batch->arena()->data(), batch->size_bytes());
  return {info.Env(), copy};
}

// giveBack(index: number): void
Napi::Value Reader::GiveBack(const Napi::CallbackInfo& info) {
  uint32_t index;
  if (!ReadArguments(info, &index)) return {};
  // After close() they are gone.
  if (poller_ == nullptr) return info.Env().Undefined();
  Batch* batch = poller_->lent(index);
  if (batch == nullptr) {
    ThrowTypeError(info.Env(), "The batch is not lent");
    return {};
  }
  poller_->GiveBack(batch);
  return info.Env().Undefined();
}

// ring_buffer__consume() on the calling thread
// drain(): number
//   the records received, or -errno
Napi::Value Reader::Drain(const Napi::CallbackInfo& info) {
  if (poller_ == nullptr) return Napi::Number::New(info.Env(), -EBADF);
  double* taken;
  if (!ReadTaken(info.Env(), &taken)) return {};
  if (!opened_) return Napi::Number::New(info.Env(), -EBADF);
  bool more = false;
  const int64_t records = poller_->Drain(&more);
  taken[kMore] = more ? 1 : 0;
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
  uint32_t mark;
  if (!ReadArguments(info, &mark)) return {};
  const int64_t published =
      poller_ == nullptr ? -1 : poller_->MarkReached(mark);
  return Napi::Number::New(info.Env(), static_cast<double>(published));
}

// unmark(mark: number): void
Napi::Value Reader::Unmark(const Napi::CallbackInfo& info) {
  uint32_t mark;
  if (!ReadArguments(info, &mark)) return {};
  if (poller_ != nullptr) poller_->Unmark(mark);
  return info.Env().Undefined();
}

// stats(): number[]
//   records, bytes, batches, wake-ups, records dropped, stalls
Napi::Value Reader::Stats(const Napi::CallbackInfo& info) {
  if (poller_ == nullptr) return Numbers(info.Env(), {});
  const PollerStats stats = poller_->stats();
  return Numbers(info.Env(), {stats.records, stats.bytes, stats.batches,
                              stats.wakeups, stats.dropped, stats.stalls});
}

// sourceState(index: number): number[]
//   the size of each buffer in bytes, the most that was queued in one, where
//   the consumer was at first, the number of buffers, the consumer's and the
//   producer's position of each, then the records lost on each CPU
Napi::Value Reader::SourceState(const Napi::CallbackInfo& info) {
  uint32_t index;
  if (!ReadArguments(info, &index)) return {};
  if (poller_ == nullptr) return Numbers(info.Env(), {});
  if (index >= poller_->source_count()) {
    ThrowTypeError(info.Env(), "There is no such source");
    return {};
  }
  const bpf_ringbuf::SourceState state = poller_->source(index).state();
  std::vector<uint64_t> fields = {state.size_bytes, state.peak_bytes,
                                  state.opened_at, state.buffers.size()};
  for (const BufferPositions& buffer : state.buffers) {
    fields.push_back(buffer.consumer);
    fields.push_back(buffer.producer);
  }
  fields.insert(fields.end(), state.lost_by_cpu.begin(),
                state.lost_by_cpu.end());
  return Numbers(info.Env(), fields);
}

// napi_ref_threadsafe_function(), napi_unref_threadsafe_function()
// setRef(ref: boolean): void
Napi::Value Reader::SetRef(const Napi::CallbackInfo& info) {
  bool ref;
  if (!ReadArguments(info, &ref)) return {};
  if (bell_ != nullptr) {
    if (ref) {
      napi_ref_threadsafe_function(info.Env(), bell_);
    } else {
      napi_unref_threadsafe_function(info.Env(), bell_);
    }
  }
  return info.Env().Undefined();
}

void Reader::StopThread() {
  if (thread_running_) {
    poller_->Stop();
    if (libuv_threads_) {
      uv_thread_join(&thread_);
    } else {
      pthread_join(thread_, nullptr);
    }
    thread_running_ = false;
  }
  // From now on the garbage collector may have what `pump` holds.
  if (bell_ != nullptr) {
    napi_release_threadsafe_function(bell_, napi_tsfn_abort);
    bell_ = nullptr;
  }
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
