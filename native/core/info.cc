#include "core/info.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>

namespace bpf_ringbuf {

namespace {

// Of linux/bpf.h, which may be older than the kernel.
constexpr uint32_t kRawTracepointLink = 1;
constexpr uint32_t kIterLink = 4;
constexpr uint32_t kPerfEventLink = 7;
constexpr uint32_t kUprobeMultiLink = 12;

}  // namespace

std::string NameOfDescriptor(int fd) {
  std::array<char, 64> target = {};
  const std::string path = "/proc/self/fd/" + std::to_string(fd);
  const ssize_t length =
      readlink(path.c_str(), target.data(), target.size() - 1);
  return length < 0 ? "" : target.data();
}

int ReadLinkInfo(int fd, std::vector<uint8_t>* info) {
  std::vector<uint8_t> name(4096);
  info->assign(kLinkInfoBytes, 0);
  uint32_t size_bytes = kLinkInfoBytes;
  if (bpf_obj_get_info_by_fd(fd, info->data(), &size_bytes) != 0) return -errno;
  uint32_t type;
  memcpy(&type, info->data(), sizeof(type));
  // Where the kernel takes the address of memory for a name, and its size.
  size_t name_at = 0;
  size_t size_at = 0;
  if (type == kRawTracepointLink || type == kIterLink) {
    name_at = 16;
    size_at = 24;
  } else if (type == kUprobeMultiLink) {
    name_at = 16;
    size_at = 48;
  } else if (type == kPerfEventLink) {
    constexpr uint32_t kPlainEvent = 6;  // BPF_PERF_EVENT_EVENT
    uint32_t event;
    memcpy(&event, info->data() + 16, sizeof(event));
    if (event == 0 || event == kPlainEvent) return 0;
    name_at = 24;
    size_at = 32;
  }
  if (name_at == 0) return 0;
  const std::vector<uint8_t> nameless = *info;
  const auto address =
      static_cast<uint64_t>(reinterpret_cast<uintptr_t>(name.data()));
  const auto name_bytes = static_cast<uint32_t>(name.size());
  info->assign(kLinkInfoBytes, 0);
  memcpy(info->data() + name_at, &address, sizeof(address));
  memcpy(info->data() + size_at, &name_bytes, sizeof(name_bytes));
  size_bytes = kLinkInfoBytes;
  if (bpf_obj_get_info_by_fd(fd, info->data(), &size_bytes) != 0) {
    *info = nameless;
    return 0;
  }
  const auto end = std::find(name.begin(), name.end(), 0);
  info->insert(info->end(), name.begin(), end);
  return 0;
}

int ReadProgramInfo(int fd, std::vector<uint8_t>* info) {
  bpf_prog_info known = {};
  uint32_t size_bytes = sizeof(known);
  if (bpf_obj_get_info_by_fd(fd, &known, &size_bytes) != 0) return -errno;
  std::vector<uint32_t> map_ids(known.nr_map_ids);
  if (!map_ids.empty()) {
    const uint32_t count = known.nr_map_ids;
    known = {};
    known.nr_map_ids = count;
    known.map_ids = reinterpret_cast<uintptr_t>(map_ids.data());
    size_bytes = sizeof(known);
    if (bpf_obj_get_info_by_fd(fd, &known, &size_bytes) != 0) return -errno;
    // Others may be bound to it meanwhile; of more there is no room.
    map_ids.resize(std::min(known.nr_map_ids, count));
    known.nr_map_ids = static_cast<uint32_t>(map_ids.size());
  }
  const auto* bytes = reinterpret_cast<const uint8_t*>(&known);
  info->assign(bytes, bytes + std::min<size_t>(size_bytes, sizeof(known)));
  const auto* ids = reinterpret_cast<const uint8_t*>(map_ids.data());
  info->insert(info->end(), ids, ids + map_ids.size() * sizeof(uint32_t));
  return 0;
}

}  // namespace bpf_ringbuf
