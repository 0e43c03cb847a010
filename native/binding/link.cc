#include "binding/link.h"

#include <bpf/bpf.h>

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
