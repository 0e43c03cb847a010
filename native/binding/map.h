// bpf_map: one map of an object.
#ifndef BPF_RINGBUF_NATIVE_BINDING_MAP_H_
#define BPF_RINGBUF_NATIVE_BINDING_MAP_H_

#include <bpf/libbpf.h>
#include <napi.h>

#include <cstdint>
#include <string>

#include "binding/addon.h"

namespace bpf_ringbuf {

class Object;

// Valid as long as its object is open. Has no constructor of its own in
// JavaScript: Object::Maps() and DataMap() make them.
class Map final : public Napi::ObjectWrap<Map> {
 public:
  static void Init(Napi::Env env, Environment* environment);
  // Empty, with an exception pending, when Node-API fails.
  static Napi::Value Wrap(Environment* environment, Object* owner,
                          bpf_map* map);
  // As libbpf calls it; "unknown(42)" when it does not know it.
  static std::string TypeName(uint32_t type);
  explicit Map(const Napi::CallbackInfo& info);

 private:
  struct Parts {
    Object* owner;
    bpf_map* map;
  };

  Napi::Value Name(const Napi::CallbackInfo& info);
  Napi::Value Type(const Napi::CallbackInfo& info);
  Napi::Value KeySize(const Napi::CallbackInfo& info);
  Napi::Value ValueSize(const Napi::CallbackInfo& info);
  Napi::Value MaxEntries(const Napi::CallbackInfo& info);
  Napi::Value Declared(const Napi::CallbackInfo& info);
  Napi::Value Inner(const Napi::CallbackInfo& info);
  Napi::Value PinPath(const Napi::CallbackInfo& info);
  Napi::Value Autocreate(const Napi::CallbackInfo& info);
  Napi::Value SetKeySize(const Napi::CallbackInfo& info);
  Napi::Value SetValueSize(const Napi::CallbackInfo& info);
  Napi::Value SetMaxEntries(const Napi::CallbackInfo& info);
  Napi::Value SetAutocreate(const Napi::CallbackInfo& info);
  Napi::Value Reuse(const Napi::CallbackInfo& info);
  Napi::Value Fd(const Napi::CallbackInfo& info);
  Napi::Value Handle(const Napi::CallbackInfo& info);
  Napi::Value ReadData(const Napi::CallbackInfo& info);
  Napi::Value WriteData(const Napi::CallbackInfo& info);

  // The memory behind a data section: the initial value before load, the
  // kernel's after. Null, with *error set, when there is none.
  uint8_t* Data(bool writable, size_t* size_bytes, int* error);

  bool closed() const;
  int CreatedFd() const;

  Environment* const environment_;
  bpf_map* map_ = nullptr;
  Object* owner_ = nullptr;
  Napi::ObjectReference owner_reference_;
};

}  // namespace bpf_ringbuf

#endif  // BPF_RINGBUF_NATIVE_BINDING_MAP_H_
