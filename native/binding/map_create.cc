#include "binding/map_create.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <optional>
#include <string>

#include "binding/arguments.h"
#include "binding/map_handle.h"
#include "core/storage_btf.h"

namespace bpf_ringbuf {

namespace {

// Of headers that are older than Linux 6.1, too.
constexpr uint32_t kUserRingbuf = 31;  // BPF_MAP_TYPE_USER_RINGBUF

// BPF_MAP_CREATE. A ring's size is rounded up to what the kernel takes.
// createMap(
//   type: number,
//   name: string,
//   keySize: number,
//   valueSize: number,
//   maxEntries: number,
//   flags: number,
//   mapExtra: number,
//   innerMapFd: number,
// ): MapHandle | number
Napi::Value CreateMap(const Napi::CallbackInfo& info) {
  uint32_t type;
  std::string name;
  uint32_t key_size;
  uint32_t value_size;
  uint32_t max_entries;
  uint32_t flags;
  uint64_t map_extra;
  int32_t inner_map_fd;
  if (info.Data() == nullptr ||
      !ReadArguments(info, &type, &name, &key_size, &value_size, &max_entries,
                     &flags, &map_extra, &inner_map_fd)) {
    return {};
  }
  if (type == BPF_MAP_TYPE_RINGBUF || type == kUserRingbuf) {
    uint64_t size_bytes = sysconf(_SC_PAGESIZE);
    while (size_bytes < max_entries) size_bytes *= 2;
    if (size_bytes <= UINT32_MAX) {
      max_entries = static_cast<uint32_t>(size_bytes);
    }
  }
  LIBBPF_OPTS(bpf_map_create_opts, options);
  options.map_flags = flags;
  options.map_extra = map_extra;
  if (inner_map_fd >= 0) options.inner_map_fd = inner_map_fd;
  std::optional<StorageBtf> btf;
  if (NeedsBtf(type)) {
    btf.emplace(value_size);
    if (btf->error() != 0) return Napi::Number::New(info.Env(), btf->error());
    options.btf_fd = static_cast<uint32_t>(btf->fd());
    options.btf_key_type_id = btf->key_type();
    options.btf_value_type_id = btf->value_type();
  }
  const int fd = bpf_map_create(static_cast<bpf_map_type>(type),
                                name.empty() ? nullptr : name.c_str(), key_size,
                                value_size, max_entries, &options);
  return MapHandle::Own(static_cast<Environment*>(info.Data()), info.Env(), fd);
}

// BPF_OBJ_GET
// mapFromPin(path: string): MapHandle | number
Napi::Value MapFromPin(const Napi::CallbackInfo& info) {
  std::string path;
  if (info.Data() == nullptr || !ReadArguments(info, &path)) return {};
  return MapHandle::Own(static_cast<Environment*>(info.Data()), info.Env(),
                        bpf_obj_get(path.c_str()));
}

// BPF_MAP_GET_FD_BY_ID
// mapFromId(id: number): MapHandle | number
Napi::Value MapFromId(const Napi::CallbackInfo& info) {
  uint32_t id;
  if (info.Data() == nullptr || !ReadArguments(info, &id)) return {};
  return MapHandle::Own(static_cast<Environment*>(info.Data()), info.Env(),
                        bpf_map_get_fd_by_id(id));
}

// fcntl(F_DUPFD_CLOEXEC): the caller keeps its own
// mapFromFd(fd: number): MapHandle | number
Napi::Value MapFromFd(const Napi::CallbackInfo& info) {
  int32_t fd;
  if (info.Data() == nullptr || !ReadArguments(info, &fd)) return {};
  const int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);
  return MapHandle::Own(static_cast<Environment*>(info.Data()), info.Env(),
                        copy < 0 ? -errno : copy);
}

// pidfd_open(), whose descriptor is a key of task storage
// openTask(pid: number): number
Napi::Value OpenTask(const Napi::CallbackInfo& info) {
  int32_t pid;
  if (!ReadArguments(info, &pid)) return {};
  const auto fd = static_cast<int>(syscall(SYS_pidfd_open, pid, 0));
  return Napi::Number::New(info.Env(), fd < 0 ? -errno : fd);
}

}  // namespace

void InitMapCreation(Napi::Env env, Environment* environment,
                     Napi::Object exports) {
  exports.Set("createMap",
              Napi::Function::New<CreateMap>(env, "createMap", environment));
  exports.Set("mapFromPin",
              Napi::Function::New<MapFromPin>(env, "mapFromPin", environment));
  exports.Set("mapFromId",
              Napi::Function::New<MapFromId>(env, "mapFromId", environment));
  exports.Set("mapFromFd",
              Napi::Function::New<MapFromFd>(env, "mapFromFd", environment));
  exports.Set("openTask", Napi::Function::New<OpenTask>(env, "openTask"));
}

}  // namespace bpf_ringbuf
