#include "binding/map_handle.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <unistd.h>

#include <cstring>
#include <optional>
#include <string>

#include "binding/arguments.h"
#include "binding/map.h"
#include "binding/object.h"
#include "core/info.h"
#include "core/log.h"

namespace bpf_ringbuf {

void MapHandle::Init(Napi::Env env, Environment* environment) {
  environment->map_handle_constructor = Napi::Persistent(
      DefineClass(env, "MapHandle",
                  {
                      InstanceMethod<&MapHandle::Name>("name"),
                      InstanceMethod<&MapHandle::Type>("type"),
                      InstanceMethod<&MapHandle::Info>("info"),
                      InstanceMethod<&MapHandle::Btf>("btf"),
                      InstanceMethod<&MapHandle::Fd>("fd"),
                      InstanceMethod<&MapHandle::Pin>("pin"),
                      InstanceMethod<&MapHandle::Freeze>("freeze"),
                      InstanceMethod<&MapHandle::Mmap>("mmap"),
                      InstanceMethod<&MapHandle::Memory>("memory"),
                      InstanceMethod<&MapHandle::ValueBytes>("valueBytes"),
                      InstanceMethod<&MapHandle::UseBatch>("useBatch"),
                      InstanceMethod<&MapHandle::Lookup>("lookup"),
                      InstanceMethod<&MapHandle::Update>("update"),
                      InstanceMethod<&MapHandle::Delete>("delete"),
                      InstanceMethod<&MapHandle::Take>("take"),
                      InstanceMethod<&MapHandle::Push>("push"),
                      InstanceMethod<&MapHandle::Pop>("pop"),
                      InstanceMethod<&MapHandle::Peek>("peek"),
                      InstanceMethod<&MapHandle::LookupMany>("lookupMany"),
                      InstanceMethod<&MapHandle::UpdateMany>("updateMany"),
                      InstanceMethod<&MapHandle::DeleteMany>("deleteMany"),
                      InstanceMethod<&MapHandle::Walk>("walk"),
                      InstanceMethod<&MapHandle::Close>("close"),
                  },
                  environment));
}

Napi::Value MapHandle::Borrow(Environment* environment, Object* owner, int fd) {
  bpf_map_info info = {};
  uint32_t size_bytes = sizeof(info);
  const int error = bpf_obj_get_info_by_fd(fd, &info, &size_bytes);
  if (error != 0) return Napi::Number::New(owner->Env(), error);
  Parts parts = {owner, fd, &info};
  return environment->Construct(environment->map_handle_constructor, &parts);
}

Napi::Value MapHandle::Own(Environment* environment, napi_env env, int fd) {
  if (fd < 0) return Napi::Number::New(env, fd);
  bpf_map_info info = {};
  uint32_t size_bytes = sizeof(info);
  int error = bpf_obj_get_info_by_fd(fd, &info, &size_bytes);
  // Of a program or a link there is information, too.
  const std::string name = NameOfDescriptor(fd);
  if (!name.empty() && name.find("bpf-map") == std::string::npos) {
    error = -EINVAL;
  }
  if (error != 0) {
    close(fd);
    return Napi::Number::New(env, error);
  }
  Parts parts = {nullptr, fd, &info};
  const Napi::Value made =
      environment->Construct(environment->map_handle_constructor, &parts);
  if (parts.fd >= 0) close(parts.fd);  // nobody took it
  return made;
}

MapHandle::MapHandle(const Napi::CallbackInfo& info)
    : Napi::ObjectWrap<MapHandle>(info),
      environment_(static_cast<Environment*>(info.Data())) {
  if (IsEmpty()) return;
  auto* parts = environment_->TakeParts<Parts>();
  if (parts == nullptr) return;
  if (parts->owner != nullptr) {
    owner_reference_ = Napi::Persistent(parts->owner->Value());
    // Without it the owner may go before this.
    if (owner_reference_.IsEmpty()) return;
    owner_ = parts->owner;
  } else {
    environment_->Add(this);
  }
  fd_ = parts->fd;
  parts->fd = -1;
  info_ = *parts->info;
  entries_ = std::make_unique<MapEntries>(info_, libbpf_num_possible_cpus());
}

MapHandle::~MapHandle() { CloseHandle(); }

void MapHandle::CloseHandle() {
  if (fd_ < 0) return;
  if (owner_ == nullptr) {
    environment_->Remove(this);
    close(fd_);
  }
  fd_ = -1;
}

bool MapHandle::closed() const {
  return fd_ < 0 || (owner_ != nullptr && owner_->closed());
}

// bpf_map_info::name
// name(): string
Napi::Value MapHandle::Name(const Napi::CallbackInfo& info) {
  return Napi::String::New(info.Env(), info_.name,
                           strnlen(info_.name, sizeof(info_.name)));
}

// bpf_map_info::type, as libbpf_bpf_map_type_str() calls it
// type(): string
Napi::Value MapHandle::Type(const Napi::CallbackInfo& info) {
  return Napi::String::New(info.Env(), Map::TypeName(info_.type));
}

// bpf_obj_get_info_by_fd(), when it was opened: id, keySize, valueSize,
// maxEntries, flags, ifindex, mapExtra, and the ids of its BTF, its key's and
// its value's type
// info(): number[]
Napi::Value MapHandle::Info(const Napi::CallbackInfo& info) {
  const double fields[] = {static_cast<double>(info_.id),
                           static_cast<double>(info_.key_size),
                           static_cast<double>(info_.value_size),
                           static_cast<double>(info_.max_entries),
                           static_cast<double>(info_.map_flags),
                           static_cast<double>(info_.ifindex),
                           static_cast<double>(info_.map_extra),
                           static_cast<double>(info_.btf_id),
                           static_cast<double>(info_.btf_key_type_id),
                           static_cast<double>(info_.btf_value_type_id)};
  Napi::Array list = Napi::Array::New(info.Env());
  if (list.IsEmpty()) return {};
  uint32_t index = 0;
  for (const double field : fields) list.Set(index++, field);
  return list;
}

// btf__load_from_kernel_by_id(), which needs CAP_SYS_ADMIN
// btf(): Uint8Array | undefined
Napi::Value MapHandle::Btf(const Napi::CallbackInfo& info) {
  if (closed() || info_.btf_id == 0) return info.Env().Undefined();
  const LogCapture capture;
  btf* types = btf__load_from_kernel_by_id(info_.btf_id);
  if (types == nullptr) return info.Env().Undefined();
  uint32_t size_bytes = 0;
  const void* data = btf__raw_data(types, &size_bytes);
  const Napi::Value copy =
      data == nullptr
          ? info.Env().Undefined()
          : Napi::Buffer<uint8_t>::Copy(
                info.Env(), static_cast<const uint8_t*>(data), size_bytes);
  btf__free(types);
  return copy;
}

// Stays the handle's
// fd(): number
Napi::Value MapHandle::Fd(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), closed() ? -EBADF : fd_);
}

// BPF_OBJ_PIN
// pin(path: string): number
Napi::Value MapHandle::Pin(const Napi::CallbackInfo& info) {
  if (closed()) return Napi::Number::New(info.Env(), -EBADF);
  std::string path;
  if (!ReadArguments(info, &path)) return {};
  return Napi::Number::New(info.Env(), bpf_obj_pin(fd_, path.c_str()));
}

// BPF_MAP_FREEZE
// freeze(): number
Napi::Value MapHandle::Freeze(const Napi::CallbackInfo& info) {
  if (closed()) return Napi::Number::New(info.Env(), -EBADF);
  return Napi::Number::New(info.Env(), bpf_map_freeze(fd_));
}

// All values of an array with BPF_F_MMAPABLE, each padded to 8 bytes. They stay
// mapped as long as the ArrayBuffer is there.
// mmap(): ArrayBuffer | number
Napi::Value MapHandle::Mmap(const Napi::CallbackInfo& info) {
  if (closed()) return Napi::Number::New(info.Env(), -EBADF);
  if (info_.type != BPF_MAP_TYPE_ARRAY) {
    return Napi::Number::New(info.Env(), -EOPNOTSUPP);
  }
  const size_t size_bytes = static_cast<size_t>(info_.max_entries) *
                            ((info_.value_size + size_t{7}) / 8 * 8);
  int error = 0;
  auto* mapping =
      new std::shared_ptr<Arena>(Arena::MapShared(fd_, size_bytes, &error));
  if (*mapping == nullptr) {
    delete mapping;
    return Napi::Number::New(info.Env(), error);
  }
  const Napi::ArrayBuffer buffer = Napi::ArrayBuffer::New(
      info.Env(), (*mapping)->data(), size_bytes,
      [](Napi::Env, void*, std::shared_ptr<Arena>* shared) { delete shared; },
      mapping);
  // Without a buffer there is nobody to finalize it.
  if (buffer.IsEmpty()) delete mapping;
  return buffer;
}

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

// Lets go of the descriptor, unless it is an object's.
// close(): void
Napi::Value MapHandle::Close(const Napi::CallbackInfo& info) {
  CloseHandle();
  return info.Env().Undefined();
}

}  // namespace bpf_ringbuf
