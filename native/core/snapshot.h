// A copy of a buffer that overwrites its oldest records, taken while programs
// go on writing.
#ifndef BPF_RINGBUF_NATIVE_CORE_SNAPSHOT_H_
#define BPF_RINGBUF_NATIVE_CORE_SNAPSHOT_H_

#include <cstddef>
#include <cstdint>

namespace bpf_ringbuf {

// What a snapshot found.
struct Snapshot {
  // The frames, as in a batch (core/batch.h), oldest first: where the first
  // begins and the last ends in the memory that was given.
  size_t begin_bytes = 0;
  size_t end_bytes = 0;
  // Bytes of the kernel's buffers, since they were made, that went before the
  // oldest record here: overwritten, or about to be.
  uint64_t overwritten_bytes = 0;
  // What each record takes in the kernel's buffer: 0 when there was none,
  // kDifferent when they differ.
  uint64_t record_bytes = 0;
  static constexpr uint64_t kDifferent = UINT64_MAX;

  void CountRecord(uint64_t bytes) {
    record_bytes =
        record_bytes == 0 || record_bytes == bytes ? bytes : kDifferent;
  }
};

// A map's buffers. Reads them only: it wakes nobody and holds nobody up.
class SnapshotSource {
 public:
  virtual ~SnapshotSource() = default;
  // Of all the kernel's buffers; a snapshot's frames take no more.
  virtual size_t size_bytes() const = 0;
  // Fills `into`, which has size_bytes() and is 8-aligned. Returns 0, or a
  // negative error number.
  virtual int Take(uint8_t* into, Snapshot* snapshot) = 0;
};

// A position that another CPU moves; unsigned long in the kernel.
template <typename Position>
uint64_t LoadAcquire(const Position* position) {
  return __atomic_load_n(position, __ATOMIC_ACQUIRE);
}

// Copies what lies at `position` of a ring of `ring_bytes`, a power of two,
// while others may write to it. Both positions and `bytes` are multiples of 8.
// Nothing that is loaded after it comes before it.
inline void CopyFromRing(uint8_t* to, const uint8_t* ring, size_t ring_bytes,
                         uint64_t position, size_t bytes) {
  auto* words = reinterpret_cast<uint64_t*>(to);
  while (bytes != 0) {
    const size_t offset = position & (ring_bytes - 1);
    const size_t part =
        bytes < ring_bytes - offset ? bytes : ring_bytes - offset;
    const auto* from = reinterpret_cast<const uint64_t*>(ring + offset);
    for (size_t i = 0; i < part / 8; i++) {
      *words++ = __atomic_load_n(from + i, __ATOMIC_ACQUIRE);
    }
    position += part;
    bytes -= part;
  }
}

}  // namespace bpf_ringbuf

#endif  // BPF_RINGBUF_NATIVE_CORE_SNAPSHOT_H_
