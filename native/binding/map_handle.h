// A map in the kernel, by a descriptor: its entries, and what else the kernel
// does with it.
#ifndef BPF_RINGBUF_NATIVE_BINDING_MAP_HANDLE_H_
#define BPF_RINGBUF_NATIVE_BINDING_MAP_HANDLE_H_

#include <linux/bpf.h>
#include <napi.h>

#include <cstdint>
#include <memory>

#include "binding/addon.h"
#include "core/batch.h"
#include "core/map_entries.h"

namespace bpf_ringbuf {

class Object;

// Of an object's map it borrows the descriptor and is valid as long as the
// object is open; otherwise the descriptor is its own, until close(). Has no
// constructor of its own in JavaScript: Map::Handle() and the functions of
// map_create.cc make them.
//
// Keys and values lie in memory that JavaScript sees as one ArrayBuffer, at
// positions that it chooses: a call passes nothing but numbers.
class MapHandle final : public Napi::ObjectWrap<MapHandle>, public Closable {
 public:
  static void Init(Napi::Env env, Environment* environment);
  // Of a loaded map of an object. -errno when the kernel does not say what it
  // is; empty, with an exception pending, when Node-API fails.
  static Napi::Value Borrow(Environment* environment, Object* owner, int fd);
  // Of a descriptor that it takes over, or its -errno; as Borrow().
  static Napi::Value Own(Environment* environment, napi_env env, int fd);
  explicit MapHandle(const Napi::CallbackInfo& info);
  ~MapHandle() override;

  void CloseHandle() override;

 private:
  struct Parts {
    Object* owner;  // null when the descriptor is its own
    int fd;
    const bpf_map_info* info;
  };

  Napi::Value Name(const Napi::CallbackInfo& info);
  Napi::Value Type(const Napi::CallbackInfo& info);
  Napi::Value Info(const Napi::CallbackInfo& info);
  Napi::Value Btf(const Napi::CallbackInfo& info);
  Napi::Value Fd(const Napi::CallbackInfo& info);
  Napi::Value Pin(const Napi::CallbackInfo& info);
  Napi::Value Freeze(const Napi::CallbackInfo& info);
  Napi::Value Mmap(const Napi::CallbackInfo& info);
  Napi::Value Memory(const Napi::CallbackInfo& info);
  Napi::Value ValueBytes(const Napi::CallbackInfo& info);
  Napi::Value UseBatch(const Napi::CallbackInfo& info);
  Napi::Value Lookup(const Napi::CallbackInfo& info);
  Napi::Value Update(const Napi::CallbackInfo& info);
  Napi::Value Delete(const Napi::CallbackInfo& info);
  Napi::Value Take(const Napi::CallbackInfo& info);
  Napi::Value Push(const Napi::CallbackInfo& info);
  Napi::Value Pop(const Napi::CallbackInfo& info);
  Napi::Value Peek(const Napi::CallbackInfo& info);
  Napi::Value LookupMany(const Napi::CallbackInfo& info);
  Napi::Value UpdateMany(const Napi::CallbackInfo& info);
  Napi::Value DeleteMany(const Napi::CallbackInfo& info);
  Napi::Value Walk(const Napi::CallbackInfo& info);
  Napi::Value Close(const Napi::CallbackInfo& info);

  bool closed() const;
  // Whether bytes from a position on are in the memory; a TypeError is pending
  // otherwise.
  bool Holds(napi_env env, uint64_t position, uint64_t size_bytes) const;
  // Whether so many keys, and as many values, are.
  bool HoldsEntries(napi_env env, uint64_t keys, uint64_t values,
                    uint64_t count) const;
  uint8_t* At(uint32_t position) const { return memory_->data() + position; }
  // What a call says beside its result: the memory's first word.
  void Answer(uint32_t number) const;

  Environment* const environment_;
  Object* owner_ = nullptr;
  Napi::ObjectReference owner_reference_;
  int fd_ = -1;
  bpf_map_info info_ = {};
  std::unique_ptr<MapEntries> entries_;
  // Shared with the ArrayBuffers over it.
  std::shared_ptr<Arena> memory_;
};

}  // namespace bpf_ringbuf

#endif  // BPF_RINGBUF_NATIVE_BINDING_MAP_HANDLE_H_
