#include "binding/descriptor.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <unistd.h>

#include <utility>

namespace bpf_ringbuf {

namespace {

// bpf_enable_stats(): the kernel counts and times the runs of all programs as
// long as somebody has such a descriptor
// enableStats(): Descriptor | number
Napi::Value EnableStats(const Napi::CallbackInfo& info) {
  auto* environment = static_cast<Environment*>(info.Data());
  if (environment == nullptr) return {};
  const int fd = bpf_enable_stats(BPF_STATS_RUN_TIME);
  if (fd < 0) return Napi::Number::New(info.Env(), fd);
  return Descriptor::Wrap(environment, fd);
}

}  // namespace

void Descriptor::Init(Napi::Env env, Environment* environment,
                      Napi::Object exports) {
  environment->descriptor_constructor = Napi::Persistent(
      DefineClass(env, "Descriptor",
                  {
                      InstanceMethod<&Descriptor::Fd>("fd"),
                      InstanceMethod<&Descriptor::Close>("close"),
                  },
                  environment));
  exports.Set("enableStats", Napi::Function::New<EnableStats>(
                                 env, "enableStats", environment));
}

Napi::Value Descriptor::Wrap(Environment* environment, int fd) {
  // The constructor takes it out of this, if it gets that far.
  int unowned = fd;
  const Napi::Value wrapped =
      environment->Construct(environment->descriptor_constructor, &unowned);
  if (unowned >= 0) close(unowned);
  return wrapped;
}

Descriptor::Descriptor(const Napi::CallbackInfo& info)
    : Napi::ObjectWrap<Descriptor>(info),
      environment_(static_cast<Environment*>(info.Data())) {
  if (IsEmpty()) return;
  auto* fd = environment_->TakeParts<int>();
  if (fd == nullptr) return;
  fd_ = std::exchange(*fd, -1);
  environment_->Add(this);
}

Descriptor::~Descriptor() { CloseHandle(); }

void Descriptor::CloseHandle() {
  if (fd_ < 0) return;
  environment_->Remove(this);
  close(std::exchange(fd_, -1));
}

// fd(): number
Napi::Value Descriptor::Fd(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), fd_ < 0 ? -EBADF : fd_);
}

// close(): void
Napi::Value Descriptor::Close(const Napi::CallbackInfo& info) {
  CloseHandle();
  return info.Env().Undefined();
}

}  // namespace bpf_ringbuf
