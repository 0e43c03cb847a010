// One attachment of a program, or several that are made and ended together.
#ifndef BPF_RINGBUF_NATIVE_BINDING_LINK_H_
#define BPF_RINGBUF_NATIVE_BINDING_LINK_H_

#include <napi.h>

#include <vector>

#include "binding/addon.h"
#include "core/attachment.h"

namespace bpf_ringbuf {

// Independent of its program and object once made. Program's methods make it.
class Link final : public Napi::ObjectWrap<Link>, public Closable {
 public:
  static void Init(Napi::Env env, Environment* environment,
                   Napi::Object exports);
  // Takes the attachments over; empty, with them released and an exception
  // pending, when Node-API fails.
  static Napi::Value Wrap(Environment* environment,
                          std::vector<AttachmentPtr> attachments,
                          bool pinned = false);
  explicit Link(const Napi::CallbackInfo& info);
  ~Link() override;

  void CloseHandle() override;

 private:
  struct Parts {
    std::vector<AttachmentPtr> attachments;
    bool pinned;
  };

  Napi::Value Fd(const Napi::CallbackInfo& info);
  Napi::Value Ids(const Napi::CallbackInfo& info);
  Napi::Value Info(const Napi::CallbackInfo& info);
  Napi::Value Pin(const Napi::CallbackInfo& info);
  Napi::Value Unpin(const Napi::CallbackInfo& info);
  Napi::Value Update(const Napi::CallbackInfo& info);
  Napi::Value UpdateMap(const Napi::CallbackInfo& info);
  Napi::Value Detach(const Napi::CallbackInfo& info);
  Napi::Value Iterate(const Napi::CallbackInfo& info);
  Napi::Value Close(const Napi::CallbackInfo& info);

  // The descriptor of the one kernel link, or -errno.
  int OneFd() const;

  Environment* const environment_;
  // Empty when closed.
  std::vector<AttachmentPtr> attachments_;
  bool pinned_ = false;
};

}  // namespace bpf_ringbuf

#endif  // BPF_RINGBUF_NATIVE_BINDING_LINK_H_
