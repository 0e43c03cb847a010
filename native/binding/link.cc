#include "binding/link.h"

#include <utility>

namespace bpf_ringbuf {

void Link::Init(Napi::Env env, Environment* environment) {
  environment->link_constructor = Napi::Persistent(DefineClass(
      env, "Link", {InstanceMethod<&Link::Close>("close")}, environment));
}

Napi::Value Link::Wrap(Environment* environment, bpf_link* link) {
  // The constructor takes the link out of this, if it gets that far.
  bpf_link* unowned = link;
  const Napi::Value wrapped =
      environment->Construct(environment->link_constructor, &unowned);
  if (unowned != nullptr) bpf_link__destroy(unowned);
  return wrapped;
}

Link::Link(const Napi::CallbackInfo& info)
    : Napi::ObjectWrap<Link>(info),
      environment_(static_cast<Environment*>(info.Data())) {
  if (IsEmpty()) return;
  auto* link = environment_->TakeParts<bpf_link*>();
  if (link == nullptr) return;
  link_ = std::exchange(*link, nullptr);
  environment_->Add(this);
}

Link::~Link() { CloseHandle(); }

void Link::CloseHandle() {
  if (link_ == nullptr) return;
  environment_->Remove(this);
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
