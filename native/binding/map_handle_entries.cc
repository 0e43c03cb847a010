// MapHandle's entries: the memory that keys and values lie in, and the calls
// that take positions in it.
#include <errno.h>

#include <cstring>
#include <memory>
#include <utility>

#include "binding/arguments.h"
#include "binding/map_handle.h"

namespace bpf_ringbuf {

// The memory of the calls that follow, at least so many bytes. What was in the
// one before is not carried over.
// memory(sizeBytes: number): ArrayBuffer | number
Napi::Value MapHandle::Memory(const Napi::CallbackInfo& info) {
  if (closed()) return Napi::Number::New(info.Env(), -EBADF);
  uint32_t size_bytes;
  if (!ReadArguments(info, &size_bytes)) return {};
  // A multiple of 8, and room for an answer.
  const size_t rounded = (size_t{size_bytes} + 15) / 8 * 8;
  std::shared_ptr<Arena> arena = Arena::Map(rounded);
  if (arena == nullptr) return Napi::Number::New(info.Env(), -ENOMEM);
  auto* shared = new std::shared_ptr<Arena>(arena);
  const Napi::ArrayBuffer buffer = Napi::ArrayBuffer::New(
      info.Env(), arena->data(), rounded,
      [](Napi::Env, void*, std::shared_ptr<Arena>* held) { delete held; },
      shared);
  if (buffer.IsEmpty()) {
    delete shared;
    return {};
  }
  memory_ = std::move(arena);
  return buffer;
}

// Of a per-CPU map those of all possible CPUs, each padded to 8 bytes
// valueBytes(): number
Napi::Value MapHandle::ValueBytes(const Napi::CallbackInfo& info) {
  if (closed()) return Napi::Number::New(info.Env(), -EBADF);
  return Napi::Number::New(info.Env(),
                           static_cast<double>(entries_->value_bytes()));
}

// False: without the kernel's batch calls, for comparison.
// useBatch(use: boolean): void
Napi::Value MapHandle::UseBatch(const Napi::CallbackInfo& info) {
  bool use;
  if (!ReadArguments(info, &use)) return {};
  if (!closed()) entries_->UseBatch(use);
  return info.Env().Undefined();
}

bool MapHandle::Holds(napi_env env, uint64_t position,
                      uint64_t size_bytes) const {
  if (memory_ != nullptr && position <= memory_->size_bytes() &&
      size_bytes <= memory_->size_bytes() - position) {
    return true;
  }
  ThrowTypeError(env, "A position lies outside of the memory");
  return false;
}

bool MapHandle::HoldsEntries(napi_env env, uint64_t keys, uint64_t values,
                             uint64_t count) const {
  return Holds(env, keys, count * entries_->key_bytes()) &&
         Holds(env, values, count * entries_->value_bytes());
}

void MapHandle::Answer(uint32_t number) const {
  memcpy(memory_->data(), &number, sizeof(number));
}

// bpf_map_lookup_elem()
// lookup(key: number, value: number): number
Napi::Value MapHandle::Lookup(const Napi::CallbackInfo& info) {
  if (closed()) return Napi::Number::New(info.Env(), -EBADF);
  uint32_t key;
  uint32_t value;
  if (!ReadArguments(info, &key, &value)) return {};
  if (!HoldsEntries(info.Env(), key, value, 1)) return {};
  return Napi::Number::New(info.Env(),
                           entries_->Lookup(fd_, At(key), At(value)));
}

// bpf_map_update_elem()
// update(key: number, value: number, flags: number): number
Napi::Value MapHandle::Update(const Napi::CallbackInfo& info) {
  if (closed()) return Napi::Number::New(info.Env(), -EBADF);
  uint32_t key;
  uint32_t value;
  uint32_t flags;
  if (!ReadArguments(info, &key, &value, &flags)) return {};
  if (!HoldsEntries(info.Env(), key, value, 1)) return {};
  return Napi::Number::New(info.Env(),
                           entries_->Update(fd_, At(key), At(value), flags));
}

// bpf_map_delete_elem()
// delete(key: number): number
Napi::Value MapHandle::Delete(const Napi::CallbackInfo& info) {
  if (closed()) return Napi::Number::New(info.Env(), -EBADF);
  uint32_t key;
  if (!ReadArguments(info, &key)) return {};
  if (!Holds(info.Env(), key, entries_->key_bytes())) return {};
  return Napi::Number::New(info.Env(), entries_->Delete(fd_, At(key)));
}

// bpf_map_lookup_and_delete_elem()
// take(key: number, value: number): number
Napi::Value MapHandle::Take(const Napi::CallbackInfo& info) {
  if (closed()) return Napi::Number::New(info.Env(), -EBADF);
  uint32_t key;
  uint32_t value;
  if (!ReadArguments(info, &key, &value)) return {};
  if (!HoldsEntries(info.Env(), key, value, 1)) return {};
  return Napi::Number::New(info.Env(), entries_->Take(fd_, At(key), At(value)));
}

// bpf_map_update_elem() without a key
// push(value: number, flags: number): number
Napi::Value MapHandle::Push(const Napi::CallbackInfo& info) {
  if (closed()) return Napi::Number::New(info.Env(), -EBADF);
  uint32_t value;
  uint32_t flags;
  if (!ReadArguments(info, &value, &flags)) return {};
  if (!Holds(info.Env(), value, entries_->value_bytes())) return {};
  return Napi::Number::New(info.Env(),
                           entries_->Update(fd_, nullptr, At(value), flags));
}

// bpf_map_lookup_and_delete_elem() without a key
// pop(value: number): number
Napi::Value MapHandle::Pop(const Napi::CallbackInfo& info) {
  if (closed()) return Napi::Number::New(info.Env(), -EBADF);
  uint32_t value;
  if (!ReadArguments(info, &value)) return {};
  if (!Holds(info.Env(), value, entries_->value_bytes())) return {};
  return Napi::Number::New(info.Env(), entries_->Take(fd_, nullptr, At(value)));
}

// bpf_map_lookup_elem() without a key; of a bloom filter it asks for the value.
// peek(value: number): number
Napi::Value MapHandle::Peek(const Napi::CallbackInfo& info) {
  if (closed()) return Napi::Number::New(info.Env(), -EBADF);
  uint32_t value;
  if (!ReadArguments(info, &value)) return {};
  if (!Holds(info.Env(), value, entries_->value_bytes())) return {};
  return Napi::Number::New(info.Env(),
                           entries_->Lookup(fd_, nullptr, At(value)));
}

// MapEntries::LookupMany(); a byte for each key says whether it is there.
// lookupMany(
//   keys: number,
//   count: number,
//   values: number,
//   found: number,
// ): number
Napi::Value MapHandle::LookupMany(const Napi::CallbackInfo& info) {
  if (closed()) return Napi::Number::New(info.Env(), -EBADF);
  uint32_t keys;
  uint32_t count;
  uint32_t values;
  uint32_t found;
  if (!ReadArguments(info, &keys, &count, &values, &found)) return {};
  if (!HoldsEntries(info.Env(), keys, values, count) ||
      !Holds(info.Env(), found, count)) {
    return {};
  }
  if (count == 0) return Napi::Number::New(info.Env(), 0);
  return Napi::Number::New(
      info.Env(),
      entries_->LookupMany(fd_, At(keys), count, At(values), At(found)));
}

// MapEntries::UpdateMany(); answers how many were stored.
// updateMany(
//   keys: number,
//   values: number,
//   count: number,
//   flags: number,
// ): number
Napi::Value MapHandle::UpdateMany(const Napi::CallbackInfo& info) {
  if (closed()) return Napi::Number::New(info.Env(), -EBADF);
  uint32_t keys;
  uint32_t values;
  uint32_t count;
  uint32_t flags;
  if (!ReadArguments(info, &keys, &values, &count, &flags)) return {};
  if (!HoldsEntries(info.Env(), keys, values, count)) return {};
  if (count == 0) return Napi::Number::New(info.Env(), 0);
  uint32_t done = 0;
  const int error =
      entries_->UpdateMany(fd_, At(keys), At(values), count, flags, &done);
  Answer(done);
  return Napi::Number::New(info.Env(), error);
}

// MapEntries::DeleteMany(); answers how many were deleted.
// deleteMany(keys: number, count: number): number
Napi::Value MapHandle::DeleteMany(const Napi::CallbackInfo& info) {
  if (closed()) return Napi::Number::New(info.Env(), -EBADF);
  uint32_t keys;
  uint32_t count;
  if (!ReadArguments(info, &keys, &count)) return {};
  if (!Holds(info.Env(), keys, count * entries_->key_bytes())) return {};
  if (count == 0) return Napi::Number::New(info.Env(), 0);
  uint32_t deleted = 0;
  const int error = entries_->DeleteMany(fd_, At(keys), count, &deleted);
  Answer(deleted);
  return Napi::Number::New(info.Env(), error);
}

// MapEntries::Walk(), with what it keeps in so many bytes at `position` as the
// key has, 8 at least. Answers the number of entries: negative, as a 32-bit
// number, when a key may come twice and entries that come may have no end.
// walk(
//   begin: boolean,
//   take: boolean,
//   position: number,
//   keys: number,
//   values: number,
//   count: number,
// ): number
Napi::Value MapHandle::Walk(const Napi::CallbackInfo& info) {
  if (closed()) return Napi::Number::New(info.Env(), -EBADF);
  bool begin;
  bool take;
  uint32_t position;
  uint32_t keys;
  uint32_t values;
  uint32_t count;
  if (!ReadArguments(info, &begin, &take, &position, &keys, &values, &count)) {
    return {};
  }
  if (!Holds(info.Env(), position, entries_->position_bytes()) ||
      !HoldsEntries(info.Env(), keys, values, count)) {
    return {};
  }
  if (count == 0) return Napi::Number::New(info.Env(), -EINVAL);
  uint32_t found = 0;
  const int result = entries_->Walk(fd_, begin, take, At(position), At(keys),
                                    At(values), count, &found);
  Answer(entries_->may_repeat() ? ~found : found);
  return Napi::Number::New(info.Env(), result);
}

}  // namespace bpf_ringbuf
