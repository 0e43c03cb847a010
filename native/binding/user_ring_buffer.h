// user_ring_buffer: records for BPF programs.
#ifndef BPF_RINGBUF_NATIVE_BINDING_USER_RING_BUFFER_H_
#define BPF_RINGBUF_NATIVE_BINDING_USER_RING_BUFFER_H_

#include <napi.h>

#include <memory>

#include "binding/addon.h"
#include "core/user_ring.h"

namespace bpf_ringbuf {

// Opened once, closed once. JavaScript's memory is copied into a sample when
// that is submitted: none of the kernel's is ever in its hands.
class UserRingBuffer final : public Napi::ObjectWrap<UserRingBuffer>,
                             public Closable {
 public:
  static void Init(Napi::Env env, Environment* environment,
                   Napi::Object exports);
  explicit UserRingBuffer(const Napi::CallbackInfo& info);
  ~UserRingBuffer() override;

  void CloseHandle() override;

 private:
  Napi::Value Open(const Napi::CallbackInfo& info);
  Napi::Value Write(const Napi::CallbackInfo& info);
  Napi::Value Reserve(const Napi::CallbackInfo& info);
  Napi::Value Submit(const Napi::CallbackInfo& info);
  Napi::Value Discard(const Napi::CallbackInfo& info);
  Napi::Value WaitForRoom(const Napi::CallbackInfo& info);
  Napi::Value Close(const Napi::CallbackInfo& info);

  Environment* const environment_;
  bool opened_ = false;
  std::unique_ptr<UserRing> ring_;
};

}  // namespace bpf_ringbuf

#endif  // BPF_RINGBUF_NATIVE_BINDING_USER_RING_BUFFER_H_
