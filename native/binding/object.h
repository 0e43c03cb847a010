// bpf_object: an opened BPF object file, its maps and programs.
#ifndef BPF_RINGBUF_NATIVE_BINDING_OBJECT_H_
#define BPF_RINGBUF_NATIVE_BINDING_OBJECT_H_

#include <bpf/libbpf.h>
#include <napi.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <vector>

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
  // libbpf has read the kernel's BTF for it, some MiB, which only a load frees.
  void KeepsKernelBtf() { keeps_kernel_btf_ = true; }
  bpf_object* object() const { return object_; }
  // For what may outlive it: null once it is closed.
  std::shared_ptr<bpf_object* const> shared() const { return shared_; }

  // Where the verifier is to write about a program, until the object is closed.
  std::vector<char>& LogOf(const bpf_program* program) {
    return logs_[program];
  }

  // The memory of a loaded data section, mapped once and until the object is
  // closed. Null, with *error set, when the kernel refuses.
  uint8_t* MapSection(int fd, size_t size_bytes, bool writable, int* error);

 private:
  struct Section {
    uint8_t* data;
    size_t size_bytes;
  };

  Napi::Value Open(const Napi::CallbackInfo& info);
  Napi::Value ForgetPins(const Napi::CallbackInfo& info);
  Napi::Value Load(const Napi::CallbackInfo& info);
  Napi::Value KernelVersion(const Napi::CallbackInfo& info);
  Napi::Value SetKernelVersion(const Napi::CallbackInfo& info);
  Napi::Value Close(const Napi::CallbackInfo& info);
  Napi::Value Btf(const Napi::CallbackInfo& info);
  Napi::Value Maps(const Napi::CallbackInfo& info);
  Napi::Value DataMap(const Napi::CallbackInfo& info);
  Napi::Value Programs(const Napi::CallbackInfo& info);

  int LoadGuarded();
  void FreeKernelBtf();

  Environment* const environment_;
  bool opened_ = false;
  bool keeps_kernel_btf_ = false;
  bpf_object* object_ = nullptr;
  const std::shared_ptr<bpf_object*> shared_ =
      std::make_shared<bpf_object*>(nullptr);
  std::map<int, Section> sections_;  // by the descriptors of their maps
  std::map<const bpf_program*, std::vector<char>> logs_;
};

}  // namespace bpf_ringbuf

#endif  // BPF_RINGBUF_NATIVE_BINDING_OBJECT_H_
