// Snapshots of one map whose buffers overwrite their oldest records.
#ifndef BPF_RINGBUF_NATIVE_BINDING_FLIGHT_RECORDER_H_
#define BPF_RINGBUF_NATIVE_BINDING_FLIGHT_RECORDER_H_

#include <napi.h>

#include <memory>

#include "binding/addon.h"
#include "core/snapshot.h"

namespace bpf_ringbuf {

// Opened once, as a ring or as perf buffers. Has no thread and no callback: the
// garbage collector may have it.
class FlightRecorder final : public Napi::ObjectWrap<FlightRecorder>,
                             public Closable {
 public:
  static void Init(Napi::Env env, Environment* environment,
                   Napi::Object exports);
  explicit FlightRecorder(const Napi::CallbackInfo& info);
  ~FlightRecorder() override;

  void CloseHandle() override;

 private:
  Napi::Value OpenRing(const Napi::CallbackInfo& info);
  Napi::Value OpenPerf(const Napi::CallbackInfo& info);
  Napi::Value SizeBytes(const Napi::CallbackInfo& info);
  Napi::Value Snapshot(const Napi::CallbackInfo& info);
  Napi::Value Close(const Napi::CallbackInfo& info);

  Environment* const environment_;
  std::unique_ptr<SnapshotSource> source_;
};

}  // namespace bpf_ringbuf

#endif  // BPF_RINGBUF_NATIVE_BINDING_FLIGHT_RECORDER_H_
