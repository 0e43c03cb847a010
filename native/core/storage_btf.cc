#include "core/storage_btf.h"

#include <errno.h>
#include <linux/bpf.h>

#include <initializer_list>

namespace bpf_ringbuf {

bool NeedsBtf(uint32_t map_type) {
  constexpr uint32_t kCgroupStorage = 32;  // of Linux 6.2
  return map_type == BPF_MAP_TYPE_SK_STORAGE ||
         map_type == BPF_MAP_TYPE_INODE_STORAGE ||
         map_type == BPF_MAP_TYPE_TASK_STORAGE || map_type == kCgroupStorage;
}

StorageBtf::StorageBtf(uint32_t value_size) : btf_(btf__new_empty()) {
  if (btf_ == nullptr) {
    error_ = -errno;
    return;
  }
  const int number =
      btf__add_int(btf_.get(), "int", sizeof(int32_t), BTF_INT_SIGNED);
  const int byte = btf__add_int(btf_.get(), "unsigned char", 1, 0);
  const int bytes = btf__add_array(btf_.get(), number, byte, value_size);
  for (const int id : {number, byte, bytes}) {
    if (id < 0) {
      error_ = id;
      return;
    }
  }
  error_ = btf__load_into_kernel(btf_.get());
  key_type_ = static_cast<uint32_t>(number);
  value_type_ = static_cast<uint32_t>(bytes);
}

}  // namespace bpf_ringbuf
