// BTF that gives the sizes of keys and values and no more: the kernel creates
// no storage of sockets, tasks, inodes and cgroups without.
#ifndef BPF_RINGBUF_NATIVE_CORE_STORAGE_BTF_H_
#define BPF_RINGBUF_NATIVE_CORE_STORAGE_BTF_H_

#include <bpf/btf.h>

#include <cstdint>
#include <memory>

namespace bpf_ringbuf {

// Whether maps of a type, BPF_MAP_TYPE_*, are created with BTF only.
bool NeedsBtf(uint32_t map_type);

class StorageBtf {
 public:
  // An int for a key, which is a descriptor, and bytes for a value.
  explicit StorageBtf(uint32_t value_size);

  // 0, or why the kernel has none: -errno.
  int error() const { return error_; }
  int fd() const { return btf__fd(btf_.get()); }
  uint32_t key_type() const { return key_type_; }
  uint32_t value_type() const { return value_type_; }

 private:
  struct Free {
    void operator()(btf* pointer) const { btf__free(pointer); }
  };

  std::unique_ptr<btf, Free> btf_;
  uint32_t key_type_ = 0;
  uint32_t value_type_ = 0;
  int error_ = 0;
};

}  // namespace bpf_ringbuf

#endif  // BPF_RINGBUF_NATIVE_CORE_STORAGE_BTF_H_
