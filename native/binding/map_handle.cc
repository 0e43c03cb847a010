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

// Lets go of the descriptor, unless it is an object's.
// close(): void
Napi::Value MapHandle::Close(const Napi::CallbackInfo& info) {
  CloseHandle();
  return info.Env().Undefined();
}

}  // namespace bpf_ringbuf
