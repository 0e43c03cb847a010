// bpf_program: one program of an object.
#ifndef BPF_RINGBUF_NATIVE_BINDING_PROGRAM_H_
#define BPF_RINGBUF_NATIVE_BINDING_PROGRAM_H_

#include <bpf/libbpf.h>
#include <napi.h>

#include <functional>

#include "binding/addon.h"
#include "core/attachment.h"

namespace bpf_ringbuf {

class Object;

// Valid as long as its object is open. Object::Programs() makes them.
class Program : public Napi::ObjectWrap<Program> {
 public:
  static void Init(Napi::Env env, Environment* environment);
  // Empty, with an exception pending, when Node-API fails.
  static Napi::Value Wrap(Environment* environment, Object* owner,
                          bpf_program* program);
  explicit Program(const Napi::CallbackInfo& info);

 private:
  struct Parts {
    Object* owner;
    bpf_program* program;
  };

  Napi::Value Name(const Napi::CallbackInfo& info);
  Napi::Value Section(const Napi::CallbackInfo& info);
  Napi::Value Fd(const Napi::CallbackInfo& info);
  Napi::Value Type(const Napi::CallbackInfo& info);
  Napi::Value SetType(const Napi::CallbackInfo& info);
  Napi::Value ExpectedAttachType(const Napi::CallbackInfo& info);
  Napi::Value SetExpectedAttachType(const Napi::CallbackInfo& info);
  Napi::Value Flags(const Napi::CallbackInfo& info);
  Napi::Value SetFlags(const Napi::CallbackInfo& info);
  Napi::Value Autoload(const Napi::CallbackInfo& info);
  Napi::Value SetAutoload(const Napi::CallbackInfo& info);
  Napi::Value Autoattach(const Napi::CallbackInfo& info);
  Napi::Value SetAutoattach(const Napi::CallbackInfo& info);
  Napi::Value SetAttachTarget(const Napi::CallbackInfo& info);
  Napi::Value SetLog(const Napi::CallbackInfo& info);
  Napi::Value VerifierLog(const Napi::CallbackInfo& info);
  Napi::Value Info(const Napi::CallbackInfo& info);
  Napi::Value TestRun(const Napi::CallbackInfo& info);
  Napi::Value Attach(const Napi::CallbackInfo& info);
  Napi::Value AttachTrace(const Napi::CallbackInfo& info);
  Napi::Value AttachFreplace(const Napi::CallbackInfo& info);
  Napi::Value AttachKprobe(const Napi::CallbackInfo& info);
  Napi::Value AttachKsyscall(const Napi::CallbackInfo& info);
  Napi::Value AttachKprobeMulti(const Napi::CallbackInfo& info);
  Napi::Value AttachUprobe(const Napi::CallbackInfo& info);
  Napi::Value AttachUprobeMulti(const Napi::CallbackInfo& info);
  Napi::Value AttachUsdt(const Napi::CallbackInfo& info);
  Napi::Value AttachTracepoint(const Napi::CallbackInfo& info);
  Napi::Value AttachRawTracepoint(const Napi::CallbackInfo& info);
  Napi::Value AttachPerfEvents(const Napi::CallbackInfo& info);
  Napi::Value AttachCgroup(const Napi::CallbackInfo& info);
  Napi::Value AttachNetns(const Napi::CallbackInfo& info);
  Napi::Value AttachDevice(const Napi::CallbackInfo& info);
  Napi::Value AttachNetfilter(const Napi::CallbackInfo& info);
  Napi::Value AttachTc(const Napi::CallbackInfo& info);
  Napi::Value AttachSocket(const Napi::CallbackInfo& info);
  Napi::Value AttachSockmap(const Napi::CallbackInfo& info);
  Napi::Value AttachIter(const Napi::CallbackInfo& info);
  Napi::Value AttachStructOps(const Napi::CallbackInfo& info);

  // Attaches by a function that gives an attachment, or null with errno set.
  Napi::Value AttachBy(const Napi::CallbackInfo& info,
                       const std::function<AttachmentPtr()>& attach);
  // Lets go of one whose program would misread its arguments: EPROTO.
  AttachmentPtr CheckSpecs(AttachmentPtr attachment) const;
  // One that needs a newer libbpf than this was built with.
  Napi::Value Lacking(const Napi::CallbackInfo& info) const;

  bool closed() const;

  Environment* const environment_;
  bpf_program* program_ = nullptr;
  Object* owner_ = nullptr;
  Napi::ObjectReference owner_reference_;
};

}  // namespace bpf_ringbuf

#endif  // BPF_RINGBUF_NATIVE_BINDING_PROGRAM_H_
