#include "binding/link.h"

#include <bpf/bpf.h>

#include <utility>

namespace bpf_ringbuf {

void Link::Init(Napi::Env env) {
  const Napi::Function constructor =
      DefineClass(env, "Link", {InstanceMethod<&Link::Close>("close")});
  Environment::Of(env)->link_constructor = Napi::Persistent(constructor);
}

Napi::Object Link::Wrap(Napi::Env env, bpf_link* link) {
  // The constructor takes the link out of this. It is not called when the
  // environment is being terminated.
  bpf_link* unowned = link;
  const Napi::Object wrapped = Environment::Of(env)->link_constructor.New(
      {Napi::External<bpf_link*>::New(env, &unowned)});
  if (unowned != nullptr) bpf_link__destroy(unowned);
  return wrapped;
}

Link::Link(const Napi::CallbackInfo& info)
    : Napi::ObjectWrap<Link>(info),
      link_(std::exchange(*info[0].As<Napi::External<bpf_link*>>().Data(),
                          nullptr)) {
  Environment::Of(Env())->Add(this);
}

Link::~Link() { CloseHandle(); }

void Link::CloseHandle() {
  if (link_ == nullptr) return;
  Environment::Of(Env())->Remove(this);
  // Closing the descriptor detaches when nobody has a copy of it. Links that
  // can be detached whoever has one are.
  bpf_link__detach(link_);
  bpf_link__destroy(link_);
  link_ = nullptr;
}

uint32_t Link::Id() const {
  // A link of libbpf's own, of several, says 0 for its descriptor.
  const int fd = link_ == nullptr ? 0 : bpf_link__fd(link_);
  bpf_link_info link_info = {};
  uint32_t size_bytes = sizeof(link_info);
  const bool known =
      fd > 0 && bpf_obj_get_info_by_fd(fd, &link_info, &size_bytes) == 0;
  return known ? link_info.id : 0;
}

// bpf_link__detach() and bpf_link__destroy()
// close(): number
//   the link's id, or 0 when it is not known
Napi::Value Link::Close(const Napi::CallbackInfo& info) {
  const uint32_t id = Id();
  CloseHandle();
  return Napi::Number::New(info.Env(), id);
}

}  // namespace bpf_ringbuf
