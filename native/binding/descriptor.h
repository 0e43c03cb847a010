// A file descriptor that the kernel gave for as long as something is to last.
#ifndef BPF_RINGBUF_NATIVE_BINDING_DESCRIPTOR_H_
#define BPF_RINGBUF_NATIVE_BINDING_DESCRIPTOR_H_

#include <napi.h>

#include "binding/addon.h"

namespace bpf_ringbuf {

class Descriptor final : public Napi::ObjectWrap<Descriptor>, public Closable {
 public:
  static void Init(Napi::Env env, Environment* environment,
                   Napi::Object exports);
  // Takes the descriptor over; empty, with it closed and an exception pending,
  // when Node-API fails.
  static Napi::Value Wrap(Environment* environment, int fd);
  explicit Descriptor(const Napi::CallbackInfo& info);
  ~Descriptor() override;

  void CloseHandle() override;

 private:
  Napi::Value Fd(const Napi::CallbackInfo& info);
  Napi::Value Close(const Napi::CallbackInfo& info);

  Environment* const environment_;
  int fd_ = -1;
};

}  // namespace bpf_ringbuf

#endif  // BPF_RINGBUF_NATIVE_BINDING_DESCRIPTOR_H_
