// The entries of a kernel map, by system calls: one, many, and all in turn.
#ifndef BPF_RINGBUF_NATIVE_CORE_MAP_ENTRIES_H_
#define BPF_RINGBUF_NATIVE_CORE_MAP_ENTRIES_H_

#include <linux/bpf.h>

#include <cstddef>
#include <cstdint>

namespace bpf_ringbuf {

// Keys and values lie packed one after another, as the kernel's batch calls
// have them: a value of a per-CPU map is those of all possible CPUs, each
// padded to 8 bytes. Methods return 0 or -errno unless they say otherwise.
// Which batch calls the kernel has for this map shows at the first use of each,
// and is kept.
class MapEntries {
 public:
  // With possible_cpus < 0 the values of a per-CPU map have no size, and what
  // needs one is -ENODATA.
  MapEntries(const bpf_map_info& info, int possible_cpus);

  size_t key_bytes() const { return key_bytes_; }
  size_t value_bytes() const { return value_bytes_; }
  // What Walk() keeps between two calls.
  size_t position_bytes() const {
    return key_bytes_ > sizeof(uint64_t) ? key_bytes_ : sizeof(uint64_t);
  }

  // False: one by one from now on, as on a kernel without batch calls.
  void UseBatch(bool use);

  int Lookup(int fd, const void* key, void* value) const;
  int Update(int fd, const void* key, const void* value, uint64_t flags) const;
  int Delete(int fd, const void* key) const;
  // Looks up and deletes, in one step where the kernel has it for this type.
  int Take(int fd, const void* key, void* value);

  // found[i] says whether there is an i-th key.
  int LookupMany(int fd, const uint8_t* keys, uint32_t count, uint8_t* values,
                 uint8_t* found) const;
  // *done entries were stored; the one after them is what failed.
  int UpdateMany(int fd, const uint8_t* keys, const uint8_t* values,
                 uint32_t count, uint64_t flags, uint32_t* done);
  // Keys that are not there are passed over.
  int DeleteMany(int fd, const uint8_t* keys, uint32_t count,
                 uint32_t* deleted);

  // The next entries, at most `count`; with `take` they are deleted, too.
  // Returns 1 when there may be more, 0 at the end; -ENOSPC when `count` is too
  // small for the entries that the kernel hands out together. An entry that
  // stays is found, and once unless may_repeat() says otherwise after the call.
  int Walk(int fd, bool begin, bool take, uint8_t* position, uint8_t* keys,
           uint8_t* values, uint32_t count, uint32_t* found);
  // The walk goes from key to key, and begins anew when the last one was
  // deleted meanwhile.
  bool may_repeat() const { return went_by_key_; }

 private:
  enum class Order { kNone, kBuckets, kIndex, kKeys };
  enum class Support { kUnknown, kYes, kNo };

  int WalkBuckets(int fd, bool begin, bool take, uint8_t* position,
                  uint8_t* keys, uint8_t* values, uint32_t* count);
  int WalkIndex(int fd, bool begin, uint8_t* position, uint8_t* keys,
                uint8_t* values, uint32_t count, uint32_t* found);
  int WalkKeys(int fd, bool begin, bool take, uint8_t* position, uint8_t* keys,
               uint8_t* values, uint32_t count, uint32_t* found);

  const uint32_t type_;  // newer kernels have types that the enum does not
  const uint32_t max_entries_;
  const size_t key_bytes_;
  size_t value_bytes_;
  bool cpus_unknown_ = false;
  Order order_;
  bool went_by_key_ = false;
  Support take_ = Support::kUnknown;
  Support walk_batch_ = Support::kUnknown;
  Support take_batch_ = Support::kUnknown;
  Support update_batch_ = Support::kUnknown;
  Support delete_batch_ = Support::kUnknown;
};

}  // namespace bpf_ringbuf

#endif  // BPF_RINGBUF_NATIVE_CORE_MAP_ENTRIES_H_
