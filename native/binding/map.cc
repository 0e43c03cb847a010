#include "binding/map.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <unistd.h>

#include <cstring>
#include <string>
#include <vector>

#include "binding/arguments.h"
#include "binding/map_handle.h"
#include "binding/object.h"
#include "core/log.h"

namespace bpf_ringbuf {

namespace {

void AppendDeclared(const bpf_map* map, Napi::Array list) {
  const double fields[] = {
      static_cast<double>(bpf_map__map_flags(map)),
      static_cast<double>(bpf_map__map_extra(map)),
      static_cast<double>(bpf_map__btf_key_type_id(map)),
      static_cast<double>(bpf_map__btf_value_type_id(map))};
  for (const double field : fields) list.Set(list.Length(), field);
}

}  // namespace

void Map::Init(Napi::Env env, Environment* environment) {
  environment->map_constructor = Napi::Persistent(
      DefineClass(env, "Map",
                  {
                      InstanceMethod<&Map::Name>("name"),
                      InstanceMethod<&Map::Type>("type"),
                      InstanceMethod<&Map::KeySize>("keySize"),
                      InstanceMethod<&Map::ValueSize>("valueSize"),
                      InstanceMethod<&Map::MaxEntries>("maxEntries"),
                      InstanceMethod<&Map::Declared>("declared"),
                      InstanceMethod<&Map::Inner>("inner"),
                      InstanceMethod<&Map::PinPath>("pinPath"),
                      InstanceMethod<&Map::Autocreate>("autocreate"),
                      InstanceMethod<&Map::SetKeySize>("setKeySize"),
                      InstanceMethod<&Map::SetValueSize>("setValueSize"),
                      InstanceMethod<&Map::SetMaxEntries>("setMaxEntries"),
                      InstanceMethod<&Map::SetAutocreate>("setAutocreate"),
                      InstanceMethod<&Map::Reuse>("reuse"),
                      InstanceMethod<&Map::Fd>("fd"),
                      InstanceMethod<&Map::Handle>("handle"),
                      InstanceMethod<&Map::ReadData>("readData"),
                      InstanceMethod<&Map::WriteData>("writeData"),
                  },
                  environment));
}

Napi::Value Map::Wrap(Environment* environment, Object* owner, bpf_map* map) {
  Parts parts = {owner, map};
  return environment->Construct(environment->map_constructor, &parts);
}

Map::Map(const Napi::CallbackInfo& info)
    : Napi::ObjectWrap<Map>(info),
      environment_(static_cast<Environment*>(info.Data())) {
  if (IsEmpty()) return;
  const auto* parts = environment_->TakeParts<Parts>();
  if (parts == nullptr) return;
  owner_reference_ = Napi::Persistent(parts->owner->Value());
  // Without it the owner may go before the map.
  if (owner_reference_.IsEmpty()) return;
  owner_ = parts->owner;
  map_ = parts->map;
}

bool Map::closed() const { return owner_ == nullptr || owner_->closed(); }

// bpf_map__name()
// name(): string
Napi::Value Map::Name(const Napi::CallbackInfo& info) {
  return Napi::String::New(info.Env(), closed() ? "" : bpf_map__name(map_));
}

std::string Map::TypeName(uint32_t type) {
  const char* name = libbpf_bpf_map_type_str(static_cast<bpf_map_type>(type));
  return name != nullptr ? name : "unknown(" + std::to_string(type) + ")";
}

// bpf_map__type(), as libbpf_bpf_map_type_str() calls it
// type(): string
Napi::Value Map::Type(const Napi::CallbackInfo& info) {
  return Napi::String::New(
      info.Env(),
      TypeName(closed() ? BPF_MAP_TYPE_UNSPEC : bpf_map__type(map_)));
}

// bpf_map__key_size()
// keySize(): number
Napi::Value Map::KeySize(const Napi::CallbackInfo& info) {
  if (closed()) return Napi::Number::New(info.Env(), -EBADF);
  return Napi::Number::New(info.Env(), bpf_map__key_size(map_));
}

// bpf_map__value_size()
// valueSize(): number
Napi::Value Map::ValueSize(const Napi::CallbackInfo& info) {
  if (closed()) return Napi::Number::New(info.Env(), -EBADF);
  return Napi::Number::New(info.Env(), bpf_map__value_size(map_));
}

// bpf_map__max_entries()
// maxEntries(): number
Napi::Value Map::MaxEntries(const Napi::CallbackInfo& info) {
  if (closed()) return Napi::Number::New(info.Env(), -EBADF);
  return Napi::Number::New(info.Env(), bpf_map__max_entries(map_));
}

// What else it is declared as: flags, mapExtra, and the ids of its key's and
// its value's type in the object's BTF, 0 when it does not say
// declared(): number[]
Napi::Value Map::Declared(const Napi::CallbackInfo& info) {
  Napi::Array list = Napi::Array::New(info.Env());
  if (!closed() && !list.IsEmpty()) AppendDeclared(map_, list);
  return list;
}

// bpf_map__inner_map(), until load, at which libbpf forgets it: type, keySize,
// valueSize, maxEntries, and what declared() says; nothing when there is none
// inner(): number[]
Napi::Value Map::Inner(const Napi::CallbackInfo& info) {
  Napi::Array list = Napi::Array::New(info.Env());
  if (closed() || list.IsEmpty() || bpf_map__fd(map_) >= 0) return list;
  const bpf_map* inner = bpf_map__inner_map(map_);
  if (inner == nullptr) return list;
  list.Set(0U, static_cast<double>(bpf_map__type(inner)));
  list.Set(1U, static_cast<double>(bpf_map__key_size(inner)));
  list.Set(2U, static_cast<double>(bpf_map__value_size(inner)));
  list.Set(3U, static_cast<double>(bpf_map__max_entries(inner)));
  AppendDeclared(inner, list);
  return list;
}

// bpf_map__pin_path(), once it is pinned there; "" otherwise
// pinPath(): string
Napi::Value Map::PinPath(const Napi::CallbackInfo& info) {
  const char* path = closed() ? nullptr : bpf_map__pin_path(map_);
  return Napi::String::New(info.Env(), path != nullptr ? path : "");
}

// bpf_map__autocreate()
// autocreate(): boolean
Napi::Value Map::Autocreate(const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), !closed() && bpf_map__autocreate(map_));
}

// bpf_map__set_key_size()
// setKeySize(sizeBytes: number): number
Napi::Value Map::SetKeySize(const Napi::CallbackInfo& info) {
  if (closed()) return Napi::Number::New(info.Env(), -EBADF);
  uint32_t size_bytes;
  if (!ReadArguments(info, &size_bytes)) return {};
  const LogCapture capture;
  return Napi::Number::New(info.Env(), bpf_map__set_key_size(map_, size_bytes));
}

// bpf_map__set_value_size()
// setValueSize(sizeBytes: number): number
Napi::Value Map::SetValueSize(const Napi::CallbackInfo& info) {
  if (closed()) return Napi::Number::New(info.Env(), -EBADF);
  uint32_t size_bytes;
  if (!ReadArguments(info, &size_bytes)) return {};
  const LogCapture capture;
  return Napi::Number::New(info.Env(),
                           bpf_map__set_value_size(map_, size_bytes));
}

// bpf_map__set_max_entries(): rounds ring buffers up to what the kernel takes.
// setMaxEntries(count: number): number
Napi::Value Map::SetMaxEntries(const Napi::CallbackInfo& info) {
  if (closed()) return Napi::Number::New(info.Env(), -EBADF);
  uint32_t count;
  if (!ReadArguments(info, &count)) return {};
  const LogCapture capture;
  return Napi::Number::New(info.Env(), bpf_map__set_max_entries(map_, count));
}

// bpf_map__set_autocreate()
// setAutocreate(autocreate: boolean): number
Napi::Value Map::SetAutocreate(const Napi::CallbackInfo& info) {
  if (closed()) return Napi::Number::New(info.Env(), -EBADF);
  bool autocreate;
  if (!ReadArguments(info, &autocreate)) return {};
  return Napi::Number::New(info.Env(),
                           bpf_map__set_autocreate(map_, autocreate));
}

// bpf_map__reuse_fd(), which duplicates the descriptor
// reuse(fd: number): number
Napi::Value Map::Reuse(const Napi::CallbackInfo& info) {
  if (closed()) return Napi::Number::New(info.Env(), -EBADF);
  int32_t fd;
  if (!ReadArguments(info, &fd)) return {};
  const LogCapture capture;
  return Napi::Number::New(info.Env(), bpf_map__reuse_fd(map_, fd));
}

// bpf_map__fd(), or a negative number when load() did not create the map
// fd(): number
Napi::Value Map::Fd(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), closed() ? -EBADF : CreatedFd());
}

// What is done with a loaded map; -EBADF when load() did not create it
// handle(): MapHandle | number
Napi::Value Map::Handle(const Napi::CallbackInfo& info) {
  const int fd = closed() ? -1 : CreatedFd();
  if (fd < 0) return Napi::Number::New(info.Env(), -EBADF);
  return MapHandle::Borrow(environment_, owner_, fd);
}

// bpf_map__initial_value() before load, mmap() of the map after
// readData(offset: number, size: number): Uint8Array | number
Napi::Value Map::ReadData(const Napi::CallbackInfo& info) {
  uint32_t offset;
  uint32_t length;
  if (!ReadArguments(info, &offset, &length)) return {};
  size_t size_bytes = 0;
  int error = 0;
  const uint8_t* data = Data(false, &size_bytes, &error);
  if (data == nullptr) return Napi::Number::New(info.Env(), error);
  if (offset > size_bytes || length > size_bytes - offset) {
    return Napi::Number::New(info.Env(), -ERANGE);
  }
  return Napi::Buffer<uint8_t>::Copy(info.Env(), data + offset, length);
}

// The same, to write
// writeData(offset: number, bytes: Uint8Array): number
Napi::Value Map::WriteData(const Napi::CallbackInfo& info) {
  uint32_t offset;
  Bytes bytes;
  if (!ReadArguments(info, &offset, &bytes)) return {};
  size_t size_bytes = 0;
  int error = 0;
  uint8_t* data = Data(true, &size_bytes, &error);
  if (data == nullptr) return Napi::Number::New(info.Env(), error);
  if (offset > size_bytes || bytes.size_bytes > size_bytes - offset) {
    return Napi::Number::New(info.Env(), -ERANGE);
  }
  // BPF programs may read while this writes: one store for each naturally
  // aligned variable, so that they see the old or the new value.
  uint8_t* target = data + offset;
  const uint8_t* source = bytes.data;
  const size_t length = bytes.size_bytes;
  const bool aligned =
      length != 0 && reinterpret_cast<uintptr_t>(target) % length == 0;
  if (length == 8 && aligned) {
    uint64_t value;
    memcpy(&value, source, sizeof(value));
    __atomic_store_n(reinterpret_cast<uint64_t*>(target), value,
                     __ATOMIC_RELAXED);
  } else if (length == 4 && aligned) {
    uint32_t value;
    memcpy(&value, source, sizeof(value));
    __atomic_store_n(reinterpret_cast<uint32_t*>(target), value,
                     __ATOMIC_RELAXED);
  } else if (length == 2 && aligned) {
    uint16_t value;
    memcpy(&value, source, sizeof(value));
    __atomic_store_n(reinterpret_cast<uint16_t*>(target), value,
                     __ATOMIC_RELAXED);
  } else {
    memcpy(target, source, length);
  }
  return Napi::Number::New(info.Env(), 0);
}

int Map::CreatedFd() const {
  // From libbpf 1.5 on each map has a descriptor after load, of maps that were
  // not to be created that of another file.
  return bpf_map__autocreate(map_) ? bpf_map__fd(map_) : -1;
}

uint8_t* Map::Data(bool writable, size_t* size_bytes, int* error) {
  if (closed()) {
    *error = -EBADF;
    return nullptr;
  }
  const int fd = CreatedFd();
  if (fd < 0) {
    const void* initial = bpf_map__initial_value(map_, size_bytes);
    if (initial == nullptr) *error = -ENOENT;
    // Skeletons write through this pointer too: it is writable until load.
    return static_cast<uint8_t*>(const_cast<void*>(initial));
  }
  const bool read_only = (bpf_map__map_flags(map_) & BPF_F_RDONLY_PROG) != 0;
  if (writable && read_only) {
    *error = -EROFS;
    return nullptr;
  }
  *size_bytes = bpf_map__value_size(map_);
  return owner_->MapSection(fd, *size_bytes, !read_only, error);
}

}  // namespace bpf_ringbuf
