// bpf_link: one attachment of a program.
#ifndef BPF_RINGBUF_NATIVE_BINDING_LINK_H_
#define BPF_RINGBUF_NATIVE_BINDING_LINK_H_

#include <bpf/libbpf.h>
#include <napi.h>

#include "binding/addon.h"

namespace bpf_ringbuf {

// Independent of its program and object once made. Program::Attach() makes it.
class Link final : public Napi::ObjectWrap<Link>, public Closable {
 public:
  static void Init(Napi::Env env, Environment* environment);
  // Takes the link over; empty, with the link destroyed and an exception
  // pending, when Node-API fails.
  static Napi::Value Wrap(Environment* environment, bpf_link* link);
  explicit Link(const Napi::CallbackInfo& info);
  ~Link() override;

  void CloseHandle() override;

 private:
  Napi::Value Close(const Napi::CallbackInfo& info);

  Environment* const environment_;
  bpf_link* link_ = nullptr;
};

}  // namespace bpf_ringbuf

#endif  // BPF_RINGBUF_NATIVE_BINDING_LINK_H_
