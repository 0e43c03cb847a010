// bpf_object: an opened BPF object file, its maps and programs.
#ifndef BPF_RINGBUF_NATIVE_BINDING_OBJECT_H_
#define BPF_RINGBUF_NATIVE_BINDING_OBJECT_H_

#include <bpf/libbpf.h>
#include <napi.h>

#include "binding/addon.h"

namespace bpf_ringbuf {

// Maps and programs are parts of the bpf_object and hold a reference to this
// JavaScript object; after close() they answer -EBADF.
class Object final : public Napi::ObjectWrap<Object>, public Closable {
 public:
  static void Init(Napi::Env env, Environment* environment,
                   Napi::Object exports);
  explicit Object(const Napi::CallbackInfo& info);
  ~Object() override;

  void CloseHandle() override;
  bool closed() const { return object_ == nullptr; }

 private:
  Napi::Value Open(const Napi::CallbackInfo& info);
  Napi::Value Load(const Napi::CallbackInfo& info);
  Napi::Value Close(const Napi::CallbackInfo& info);
  Napi::Value Btf(const Napi::CallbackInfo& info);
  Napi::Value Maps(const Napi::CallbackInfo& info);
  Napi::Value DataMap(const Napi::CallbackInfo& info);
  Napi::Value Programs(const Napi::CallbackInfo& info);

  Environment* const environment_;
  bool opened_ = false;
  bpf_object* object_ = nullptr;
};

}  // namespace bpf_ringbuf

#endif  // BPF_RINGBUF_NATIVE_BINDING_OBJECT_H_
