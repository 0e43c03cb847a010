#include "binding/link.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <unistd.h>

#include <cstdint>
#include <string>
#include <utility>

#include "binding/arguments.h"
#include "binding/descriptor.h"
#include "core/info.h"
#include "core/log.h"

namespace bpf_ringbuf {

namespace {

// bpf_obj_get()
// openLink(path: string): Link | number
Napi::Value OpenLink(const Napi::CallbackInfo& info) {
  auto* environment = static_cast<Environment*>(info.Data());
  std::string path;
  if (environment == nullptr || !ReadArguments(info, &path)) return {};
  std::vector<AttachmentPtr> attachments(1);
  attachments[0] = OpenPinnedLink(path.c_str());
  if (attachments[0] == nullptr) return Napi::Number::New(info.Env(), -errno);
  return Link::Wrap(environment, std::move(attachments), true);
}

}  // namespace

void Link::Init(Napi::Env env, Environment* environment, Napi::Object exports) {
  environment->link_constructor = Napi::Persistent(
      DefineClass(env, "Link",
                  {
                      InstanceMethod<&Link::Fd>("fd"),
                      InstanceMethod<&Link::Ids>("ids"),
                      InstanceMethod<&Link::Info>("info"),
                      InstanceMethod<&Link::Pin>("pin"),
                      InstanceMethod<&Link::Unpin>("unpin"),
                      InstanceMethod<&Link::Update>("update"),
                      InstanceMethod<&Link::UpdateMap>("updateMap"),
                      InstanceMethod<&Link::Detach>("detach"),
                      InstanceMethod<&Link::Iterate>("iterate"),
                      InstanceMethod<&Link::Close>("close"),
                  },
                  environment));
  exports.Set("openLink",
              Napi::Function::New<OpenLink>(env, "openLink", environment));
}

Napi::Value Link::Wrap(Environment* environment,
                       std::vector<AttachmentPtr> attachments, bool pinned) {
  // The constructor takes them out of this, if it gets that far.
  Parts parts = {std::move(attachments), pinned};
  const Napi::Value wrapped =
      environment->Construct(environment->link_constructor, &parts);
  for (const AttachmentPtr& unowned : parts.attachments) {
    unowned->Release(pinned);
  }
  return wrapped;
}

Link::Link(const Napi::CallbackInfo& info)
    : Napi::ObjectWrap<Link>(info),
      environment_(static_cast<Environment*>(info.Data())) {
  if (IsEmpty()) return;
  auto* parts = environment_->TakeParts<Parts>();
  if (parts == nullptr) return;
  attachments_ = std::move(parts->attachments);
  parts->attachments.clear();
  pinned_ = parts->pinned;
  environment_->Add(this);
}

Link::~Link() { CloseHandle(); }

void Link::CloseHandle() {
  if (attachments_.empty()) return;
  environment_->Remove(this);
  for (const AttachmentPtr& attachment : attachments_) {
    attachment->Release(pinned_);
  }
  attachments_.clear();
}

int Link::OneFd() const {
  if (attachments_.empty()) return -EBADF;
  const int fd = attachments_.size() == 1 ? attachments_[0]->fd() : -1;
  return fd < 0 ? -EOPNOTSUPP : fd;
}

// bpf_link__fd()
// fd(): number
//   EOPNOTSUPP when it is not one link of the kernel's
Napi::Value Link::Fd(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), OneFd());
}

// Of each attachment the id of the kernel's link, or 0 when it is not known
// ids(): number[]
Napi::Value Link::Ids(const Napi::CallbackInfo& info) {
  Napi::Array ids = Napi::Array::New(info.Env());
  if (ids.IsEmpty()) return {};
  uint32_t index = 0;
  for (const AttachmentPtr& attachment : attachments_) {
    uint32_t id = 0;
    const int fd = attachment->fd();
    bpf_link_info link_info = {};
    uint32_t size_bytes = sizeof(link_info);
    if (fd >= 0 && bpf_obj_get_info_by_fd(fd, &link_info, &size_bytes) == 0) {
      id = link_info.id;
    }
    ids.Set(index++, Napi::Number::New(info.Env(), id));
  }
  return ids;
}

// struct bpf_link_info of the first attachment, 256 bytes, and behind it the
// name of its target
// info(): Uint8Array | number
Napi::Value Link::Info(const Napi::CallbackInfo& info) {
  if (attachments_.empty()) return Napi::Number::New(info.Env(), -EBADF);
  std::vector<uint8_t> bytes;
  const int fd = attachments_[0]->fd();
  const int error = fd < 0 ? -EOPNOTSUPP : ReadLinkInfo(fd, &bytes);
  if (error != 0) return Napi::Number::New(info.Env(), error);
  return NewBytes(info.Env(), bytes.data(), bytes.size());
}

// bpf_obj_pin(): from then on closing does not detach
// pin(path: string): number
Napi::Value Link::Pin(const Napi::CallbackInfo& info) {
  std::string path;
  if (!ReadArguments(info, &path)) return {};
  const int fd = OneFd();
  if (fd < 0) return Napi::Number::New(info.Env(), fd);
  const int error = bpf_obj_pin(fd, path.c_str()) == 0 ? 0 : -errno;
  if (error == 0) pinned_ = true;
  return Napi::Number::New(info.Env(), error);
}

// unlink(): from then on closing detaches; also when there was no such file
// unpin(path: string): number
Napi::Value Link::Unpin(const Napi::CallbackInfo& info) {
  std::string path;
  if (!ReadArguments(info, &path)) return {};
  if (attachments_.empty()) return Napi::Number::New(info.Env(), -EBADF);
  const int error = unlink(path.c_str()) == 0 || errno == ENOENT ? 0 : -errno;
  if (error == 0) pinned_ = false;
  return Napi::Number::New(info.Env(), error);
}

// bpf_link_update(), of all attachments
// update(programFd: number): number
Napi::Value Link::Update(const Napi::CallbackInfo& info) {
  int32_t program_fd;
  if (!ReadArguments(info, &program_fd)) return {};
  int error = attachments_.empty() ? -EBADF : 0;
  for (const AttachmentPtr& attachment : attachments_) {
    if (error == 0) error = attachment->Update(program_fd);
  }
  return Napi::Number::New(info.Env(), error);
}

// bpf_link__update_map(), of struct_ops: another map of the same object
// updateMap(name: string): number
Napi::Value Link::UpdateMap(const Napi::CallbackInfo& info) {
  std::string name;
  if (!ReadArguments(info, &name)) return {};
  if (attachments_.empty()) return Napi::Number::New(info.Env(), -EBADF);
  const LogCapture capture;
  const int error = attachments_[0]->UpdateMap(name.c_str());
  if (error != 0) environment_->log = capture.text();
  return Napi::Number::New(info.Env(), error);
}

// bpf_link_detach(), of all attachments
// detach(): number
Napi::Value Link::Detach(const Napi::CallbackInfo& info) {
  int error = attachments_.empty() ? -EBADF : 0;
  for (const AttachmentPtr& attachment : attachments_) {
    const int detach_error = attachment->Detach();
    if (error == 0) error = detach_error;
  }
  return Napi::Number::New(info.Env(), error);
}

// bpf_iter_create(): a file whose contents an iterator writes
// iterate(): Descriptor | number
Napi::Value Link::Iterate(const Napi::CallbackInfo& info) {
  int fd = OneFd();
  if (fd >= 0) fd = bpf_iter_create(fd);
  if (fd < 0) return Napi::Number::New(info.Env(), fd);
  return Descriptor::Wrap(environment_, fd);
}

// bpf_link__detach() and bpf_link__destroy(); what is pinned is not detached
// close(): void
Napi::Value Link::Close(const Napi::CallbackInfo& info) {
  CloseHandle();
  return info.Env().Undefined();
}

}  // namespace bpf_ringbuf
