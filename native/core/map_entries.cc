#include "core/map_entries.h"

#include <bpf/bpf.h>
#include <errno.h>

#include <algorithm>
#include <cstring>

namespace bpf_ringbuf {

namespace {

// The kernel's own number, which no header for programs has.
constexpr int kNotSupported = 524;  // ENOTSUPP

// Slots and keys that one step of a walk looks at beside those that it finds.
constexpr uint32_t kMostEmpty = 4096;

bool MeansUnsupported(int error) {
  // EINVAL: a kernel that does not know the command at all.
  return error == -kNotSupported || error == -EOPNOTSUPP || error == -EINVAL;
}

bool IsPerCpu(uint32_t type) {
  switch (type) {
    case BPF_MAP_TYPE_PERCPU_HASH:
    case BPF_MAP_TYPE_PERCPU_ARRAY:
    case BPF_MAP_TYPE_LRU_PERCPU_HASH:
    case BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE:
      return true;
    default:
      return false;
  }
}

}  // namespace

MapEntries::MapEntries(const bpf_map_info& info, int possible_cpus)
    : type_(info.type),
      max_entries_(info.max_entries),
      key_bytes_(info.key_size),
      value_bytes_(info.value_size) {
  if (IsPerCpu(type_)) {
    cpus_unknown_ = possible_cpus < 0;
    const size_t cpus = cpus_unknown_ ? 0 : static_cast<size_t>(possible_cpus);
    value_bytes_ = (value_bytes_ + 7) / 8 * 8 * cpus;
  }
  switch (type_) {
    case BPF_MAP_TYPE_HASH:
    case BPF_MAP_TYPE_LRU_HASH:
    case BPF_MAP_TYPE_PERCPU_HASH:
    case BPF_MAP_TYPE_LRU_PERCPU_HASH:
    case BPF_MAP_TYPE_HASH_OF_MAPS:
      order_ = Order::kBuckets;
      break;
    case BPF_MAP_TYPE_ARRAY:
    case BPF_MAP_TYPE_PERCPU_ARRAY:
    case BPF_MAP_TYPE_PROG_ARRAY:
    case BPF_MAP_TYPE_PERF_EVENT_ARRAY:
    case BPF_MAP_TYPE_CGROUP_ARRAY:
    case BPF_MAP_TYPE_ARRAY_OF_MAPS:
    case BPF_MAP_TYPE_DEVMAP:
    case BPF_MAP_TYPE_SOCKMAP:
    case BPF_MAP_TYPE_CPUMAP:
    case BPF_MAP_TYPE_XSKMAP:
    case BPF_MAP_TYPE_REUSEPORT_SOCKARRAY:
    case BPF_MAP_TYPE_STRUCT_OPS:
      order_ = Order::kIndex;
      // The others' batch calls, if any, end at the first empty slot.
      if (type_ != BPF_MAP_TYPE_ARRAY && type_ != BPF_MAP_TYPE_PERCPU_ARRAY) {
        walk_batch_ = Support::kNo;
      }
      break;
    default:
      order_ = key_bytes_ == 0 ? Order::kNone : Order::kKeys;
      break;
  }
}

void MapEntries::UseBatch(bool use) {
  const Support support = use ? Support::kUnknown : Support::kNo;
  walk_batch_ = support;
  take_batch_ = support;
  update_batch_ = support;
  delete_batch_ = support;
}

int MapEntries::Lookup(int fd, const void* key, void* value) const {
  // Not the reason why, which may look like that there is no such key.
  if (cpus_unknown_) return -ENODATA;
  return bpf_map_lookup_elem(fd, key, value);
}

int MapEntries::Update(int fd, const void* key, const void* value,
                       uint64_t flags) const {
  if (cpus_unknown_) return -ENODATA;
  return bpf_map_update_elem(fd, key, value, flags);
}

int MapEntries::Delete(int fd, const void* key) const {
  return bpf_map_delete_elem(fd, key);
}

int MapEntries::Take(int fd, const void* key, void* value) {
  if (cpus_unknown_) return -ENODATA;
  if (take_ != Support::kNo) {
    const int error = bpf_map_lookup_and_delete_elem(fd, key, value);
    if (error == 0) take_ = Support::kYes;
    if (key == nullptr || take_ == Support::kYes || !MeansUnsupported(error)) {
      return error;
    }
  }
  int error = bpf_map_lookup_elem(fd, key, value);
  if (error == 0) error = bpf_map_delete_elem(fd, key);
  if (error == 0) take_ = Support::kNo;
  return error;
}

int MapEntries::LookupMany(int fd, const uint8_t* keys, uint32_t count,
                           uint8_t* values, uint8_t* found) const {
  for (uint32_t i = 0; i < count; ++i) {
    const int error =
        Lookup(fd, keys + i * key_bytes_, values + i * value_bytes_);
    if (error != 0 && error != -ENOENT) return error;
    found[i] = error == 0 ? 1 : 0;
  }
  return 0;
}

int MapEntries::UpdateMany(int fd, const uint8_t* keys, const uint8_t* values,
                           uint32_t count, uint64_t flags, uint32_t* done) {
  *done = 0;
  if (cpus_unknown_) return -ENODATA;
  if (update_batch_ != Support::kNo) {
    LIBBPF_OPTS(bpf_map_batch_opts, options, .elem_flags = flags);
    uint32_t stored = count;
    const int error = bpf_map_update_batch(fd, keys, values, &stored, &options);
    if (error == 0) {
      update_batch_ = Support::kYes;
      *done = count;
      return 0;
    }
    // Refused as a whole, it is left as it was.
    const bool some = stored < count;
    if (some) update_batch_ = Support::kYes;
    if (update_batch_ == Support::kYes || !MeansUnsupported(error)) {
      *done = some ? stored : 0;
      return error;
    }
  }
  for (uint32_t i = 0; i < count; ++i) {
    const int error = bpf_map_update_elem(fd, keys + i * key_bytes_,
                                          values + i * value_bytes_, flags);
    if (error != 0) return error;
    update_batch_ = Support::kNo;
    *done = i + 1;
  }
  return 0;
}

int MapEntries::DeleteMany(int fd, const uint8_t* keys, uint32_t count,
                           uint32_t* deleted) {
  *deleted = 0;
  uint32_t at = 0;
  while (at < count && delete_batch_ != Support::kNo) {
    const uint32_t rest = count - at;
    uint32_t gone = rest;
    const int error =
        bpf_map_delete_batch(fd, keys + at * key_bytes_, &gone, nullptr);
    if (error == 0) {
      delete_batch_ = Support::kYes;
      *deleted += rest;
      return 0;
    }
    if (gone >= rest) {  // refused as a whole
      if (delete_batch_ == Support::kYes || !MeansUnsupported(error)) {
        return error;
      }
      break;
    }
    delete_batch_ = Support::kYes;
    *deleted += gone;
    if (error != -ENOENT) return error;
    at += gone + 1;
  }
  for (; at < count; ++at) {
    const int error = bpf_map_delete_elem(fd, keys + at * key_bytes_);
    if (error != 0 && error != -ENOENT) return error;
    delete_batch_ = Support::kNo;
    if (error == 0) ++*deleted;
  }
  return 0;
}

int MapEntries::Walk(int fd, bool begin, bool take, uint8_t* position,
                     uint8_t* keys, uint8_t* values, uint32_t count,
                     uint32_t* found) {
  *found = 0;
  went_by_key_ = false;
  if (cpus_unknown_) return -ENODATA;
  if (order_ == Order::kNone) return -EOPNOTSUPP;
  if (order_ == Order::kIndex) {
    if (take) return -EINVAL;
    return WalkIndex(fd, begin, position, keys, values, count, found);
  }
  Support& batch = take ? take_batch_ : walk_batch_;
  if (order_ == Order::kBuckets && batch != Support::kNo) {
    uint32_t read = count;
    const int error =
        WalkBuckets(fd, begin, take, position, keys, values, &read);
    if (error >= 0 || error == -ENOSPC) {
      batch = Support::kYes;
      *found = error >= 0 ? read : 0;
      return error;
    }
    if (batch == Support::kYes || !MeansUnsupported(error)) return error;
    batch = Support::kNo;
  }
  went_by_key_ = true;
  return WalkKeys(fd, begin, take, position, keys, values, count, found);
}

// The kernel hands out whole buckets, each under its lock, and remembers the
// number of the next one: what comes and goes moves nothing else.
int MapEntries::WalkBuckets(int fd, bool begin, bool take, uint8_t* position,
                            uint8_t* keys, uint8_t* values, uint32_t* count) {
  uint64_t next = 0;
  uint8_t* from = begin ? nullptr : position;
  const int error = take ? bpf_map_lookup_and_delete_batch(
                               fd, from, &next, keys, values, count, nullptr)
                         : bpf_map_lookup_batch(fd, from, &next, keys, values,
                                                count, nullptr);
  if (error == -ENOENT) return 0;
  if (error != 0) return error;
  memcpy(position, &next, sizeof(next));
  return 1;
}

int MapEntries::WalkIndex(int fd, bool begin, uint8_t* position, uint8_t* keys,
                          uint8_t* values, uint32_t count, uint32_t* found) {
  uint32_t index = 0;
  if (!begin) memcpy(&index, position, sizeof(index));
  const uint32_t rest = index < max_entries_ ? max_entries_ - index : 0;
  if (walk_batch_ != Support::kNo && rest > 0) {
    uint32_t last = index - 1;
    uint32_t out = 0;
    uint32_t read = std::min(count, rest);
    const int error = bpf_map_lookup_batch(fd, index == 0 ? nullptr : &last,
                                           &out, keys, values, &read, nullptr);
    if (error == 0 || error == -ENOENT) {
      walk_batch_ = Support::kYes;
      *found = read;
      index += read;
      memcpy(position, &index, sizeof(index));
      return index < max_entries_ && error == 0 ? 1 : 0;
    }
    if (walk_batch_ == Support::kYes || !MeansUnsupported(error)) return error;
    walk_batch_ = Support::kNo;
  }
  const uint32_t end =
      index + std::min(rest, count < kMostEmpty ? kMostEmpty : count);
  for (; index < end && *found < count; ++index) {
    uint8_t* key = keys + *found * key_bytes_;
    memcpy(key, &index, sizeof(index));
    const int error = Lookup(fd, key, values + *found * value_bytes_);
    if (error == 0) {
      ++*found;
    } else if (error != -ENOENT) {  // an empty slot
      return error;
    }
  }
  memcpy(position, &index, sizeof(index));
  return index < max_entries_ ? 1 : 0;
}

int MapEntries::WalkKeys(int fd, bool begin, bool take, uint8_t* position,
                         uint8_t* keys, uint8_t* values, uint32_t count,
                         uint32_t* found) {
  const uint8_t* last = begin || take ? nullptr : position;
  for (uint32_t looked = 0; looked < count + kMostEmpty && *found < count;
       ++looked) {
    uint8_t* key = keys + *found * key_bytes_;
    int error = bpf_map_get_next_key(fd, last, key);
    if (error == -ENOENT) return 0;
    if (error != 0) return error;
    if (!take) {
      memcpy(position, key, key_bytes_);
      last = position;
    }
    uint8_t* value = values + *found * value_bytes_;
    error = take ? Take(fd, key, value) : Lookup(fd, key, value);
    if (error == 0) {
      ++*found;
    } else if (error != -ENOENT) {  // somebody else deleted it
      return error;
    }
  }
  return 1;
}

}  // namespace bpf_ringbuf
