#include "binding/link.h"

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
  bpf_link__destroy(link_);
  link_ = nullptr;
}

// bpf_link__destroy()
// close(): void
Napi::Value Link::Close(const Napi::CallbackInfo& info) {
  CloseHandle();
  return info.Env().Undefined();
}

}  // namespace bpf_ringbuf
