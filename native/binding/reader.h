// The JavaScript-thread half of a stream.
#ifndef BPF_RINGBUF_NATIVE_BINDING_READER_H_
#define BPF_RINGBUF_NATIVE_BINDING_READER_H_

#include <napi.h>
#include <uv.h>

#include <memory>
#include <vector>

#include "binding/addon.h"
#include "core/poller.h"

namespace bpf_ringbuf {

// Owns a poller, the libuv thread that runs it, and the thread-safe function
// that is its bell.
//
// Life. 1. start() makes the thread-safe function, renews the environment's
// clean-up hook, then starts the thread. 2. close() stops and joins the thread,
// then releases the thread-safe function, then deletes the poller. 3. The
// thread-safe function calls only JavaScript, never this object, so a ring that
// is still queued after close() is harmless. 4. Arenas are shared with their
// ArrayBuffers: a batch that is being read when the reader closes stays
// readable.
class Reader final : public Napi::ObjectWrap<Reader>, public Closable {
 public:
  static void Init(Napi::Env env, Environment* environment,
                   Napi::Object exports);
  explicit Reader(const Napi::CallbackInfo& info);
  ~Reader() override;

  void CloseHandle() override;

 private:
  Napi::Value Open(const Napi::CallbackInfo& info);
  Napi::Value AddRing(const Napi::CallbackInfo& info);
  Napi::Value AddPerf(const Napi::CallbackInfo& info);
  Napi::Value Start(const Napi::CallbackInfo& info);
  Napi::Value Take(const Napi::CallbackInfo& info);
  Napi::Value Arena(const Napi::CallbackInfo& info);
  Napi::Value Contents(const Napi::CallbackInfo& info);
  Napi::Value GiveBack(const Napi::CallbackInfo& info);
  Napi::Value Drain(const Napi::CallbackInfo& info);
  Napi::Value Mark(const Napi::CallbackInfo& info);
  Napi::Value MarkReached(const Napi::CallbackInfo& info);
  Napi::Value Unmark(const Napi::CallbackInfo& info);
  Napi::Value Stats(const Napi::CallbackInfo& info);
  Napi::Value SourceState(const Napi::CallbackInfo& info);
  Napi::Value SetRef(const Napi::CallbackInfo& info);
  Napi::Value Stop(const Napi::CallbackInfo& info);
  Napi::Value Close(const Napi::CallbackInfo& info);

  int StartThread(Napi::Env env, Napi::Function pump);
  void StopThread();
  void RingBell();

  // Each throws, and is false or null, when there is no such thing.
  bool ReadTaken(Napi::Env env, double** taken);
  const Batch* ReadLent(const Napi::CallbackInfo& info);

  Environment* const environment_;
  bool opened_ = false;
  std::unique_ptr<Poller> poller_;
  // What take() says of the batch, in JavaScript's memory.
  Napi::Reference<Napi::Float64Array> taken_reference_;
  napi_threadsafe_function bell_ = nullptr;
  uv_thread_t thread_ = {};  // a pthread_t without libuv_threads_
  bool libuv_threads_ = true;
  bool thread_running_ = false;
};

}  // namespace bpf_ringbuf

#endif  // BPF_RINGBUF_NATIVE_BINDING_READER_H_
