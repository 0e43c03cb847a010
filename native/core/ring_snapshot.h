// Snapshots of a BPF_MAP_TYPE_RINGBUF map with BPF_F_RB_OVERWRITE. Kernel 6.19
// or newer.
#ifndef BPF_RINGBUF_NATIVE_CORE_RING_SNAPSHOT_H_
#define BPF_RINGBUF_NATIVE_CORE_RING_SNAPSHOT_H_

#include <memory>

#include "core/snapshot.h"

namespace bpf_ringbuf {

// A flag of newer headers.
constexpr uint32_t kRingOverwrites = 1u << 19;  // BPF_F_RB_OVERWRITE

// Where such a ring is in memory. All positions count bytes since it was made.
struct OverwritingRing {
  const unsigned long* producer;   // the end of what is reserved
  const unsigned long* pending;    // all before it is committed
  const unsigned long* overwrite;  // the oldest record that is left
  const uint8_t* data;
  size_t size_bytes;
};

// Copies the newest records that are committed, with no gap between them but
// for those that are being written at that moment.
//
// The kernel moves `overwrite` before it lets anybody write where the oldest
// record was. A copy is whole when `overwrite` has not passed its beginning
// after it was made; and a record is complete below `pending`, or when its
// header says so and was read before its data.
void TakeRing(const OverwritingRing& ring, uint8_t* into, Snapshot* snapshot);

class RingSnapshot : public SnapshotSource {
 public:
  // The map behind `map_fd` stays the caller's: the mapping keeps it. Returns
  // 0, -EINVAL when it is no ring buffer, -EMEDIUMTYPE when it does not
  // overwrite, -EOPNOTSUPP when this kernel keeps its positions elsewhere, or
  // another -errno.
  static int Open(int map_fd, std::unique_ptr<SnapshotSource>* source);
  ~RingSnapshot() override;

  size_t size_bytes() const override { return ring_.size_bytes; }
  int Take(uint8_t* into, Snapshot* snapshot) override {
    TakeRing(ring_, into, snapshot);
    return 0;
  }

 private:
  RingSnapshot() = default;

  void* mapping_ = nullptr;
  size_t mapping_bytes_ = 0;
  OverwritingRing ring_ = {};
};

}  // namespace bpf_ringbuf

#endif  // BPF_RINGBUF_NATIVE_CORE_RING_SNAPSHOT_H_
