// A BPF_MAP_TYPE_RINGBUF map as a source. Kernel 5.8 or newer.
#ifndef BPF_RINGBUF_NATIVE_CORE_RING_SOURCE_H_
#define BPF_RINGBUF_NATIVE_CORE_RING_SOURCE_H_

#include <bpf/libbpf.h>

#include <atomic>
#include <memory>

#include "core/map_claim.h"
#include "core/source.h"

namespace bpf_ringbuf {

// One ring_buffer a map, not one for all: ring_buffer__consume() on several
// maps starts with the first each time and stops at a full batch, so that a
// busy first ring would starve the others.
class RingSource : public Source {
 public:
  // Opens the ring behind `map_fd`, which stays the caller's: the source keeps
  // a duplicate. `index` is the source's number in frame headers;
  // `wakeup_bytes`, unless 0, is the fill from which on its producers wake the
  // consumer for each record. Returns 0, -EINVAL when the map is no ring
  // buffer, -EMEDIUMTYPE when it overwrites its oldest records, -EBUSY when
  // another source of this process reads it, or another -errno.
  static int Open(int map_fd, uint32_t index, uint64_t wakeup_bytes,
                  std::unique_ptr<RingSource>* source);
  ~RingSource() override;

  int epoll_fd() const override;
  // -EBUSY when the consumer's position is not where this source left it:
  // another process reads the ring, too, and records may have gone to both.
  int Drain(Batch* batch, bool ready_only, SourceDrain* drained) override;
  size_t capacity_bytes() const override { return capacity_bytes_; }
  uint64_t coalesce_bytes() const override { return coalesce_bytes_; }
  uint64_t wakeup_bytes() const override { return wakeup_bytes_; }
  SourceState state() const override;
  std::vector<uint64_t> taken_to() const override { return {left_at_}; }

 private:
  explicit RingSource(uint32_t index) : stream_(StreamOf(index, 0)) {}

  static int OnSample(void* context, void* data, size_t size);

  const uint32_t stream_;
  std::unique_ptr<MapClaim> claim_;
  int map_fd_ = -1;
  ring_buffer* ring_ = nullptr;
  size_t capacity_bytes_ = 0;
  uint64_t coalesce_bytes_ = 0;
  uint64_t wakeup_bytes_ = 0;
  // The kernel's first two pages of the ring, read-only: the consumer's
  // position at the start of the first, the producer's of the second
  // (Documentation/bpf/ringbuf.rst; libbpf's own accessors need 1.3).
  uint8_t* positions_ = nullptr;
  size_t page_bytes_ = 0;
  // Where the last drain, or Open(), left the consumer's position. Nobody else
  // writes it but another reader. A look at each drain is what there is against
  // one: no lock would do, as the descriptors of all maps share one inode,
  // files do not reach over mount namespaces, and other libraries would not
  // take it.
  uint64_t opened_at_ = 0;
  uint64_t left_at_ = 0;
  bool disturbed_ = false;
  // Written by the draining thread, read by any.
  std::atomic<uint64_t> peak_bytes_{0};
  // Set for the duration of Drain().
  Batch* batch_ = nullptr;
  SourceDrain* drained_ = nullptr;
};

}  // namespace bpf_ringbuf

#endif  // BPF_RINGBUF_NATIVE_CORE_RING_SOURCE_H_
