// bpf_program: one program of an object.
#ifndef BPF_RINGBUF_NATIVE_BINDING_PROGRAM_H_
#define BPF_RINGBUF_NATIVE_BINDING_PROGRAM_H_

#include <bpf/libbpf.h>
#include <napi.h>

#include "binding/addon.h"

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
  Napi::Value Type(const Napi::CallbackInfo& info);
  Napi::Value Fd(const Napi::CallbackInfo& info);
  Napi::Value Autoload(const Napi::CallbackInfo& info);
  Napi::Value SetAutoload(const Napi::CallbackInfo& info);
  Napi::Value Attach(const Napi::CallbackInfo& info);
  Napi::Value TestRun(const Napi::CallbackInfo& info);

  bool closed() const;

  Environment* const environment_;
  bpf_program* program_ = nullptr;
  Object* owner_ = nullptr;
  Napi::ObjectReference owner_reference_;
};

}  // namespace bpf_ringbuf

#endif  // BPF_RINGBUF_NATIVE_BINDING_PROGRAM_H_
