// What a poller drains: one BPF map that produces records.
#ifndef BPF_RINGBUF_NATIVE_CORE_SOURCE_H_
#define BPF_RINGBUF_NATIVE_CORE_SOURCE_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/batch.h"

namespace bpf_ringbuf {

// How far a buffer was written and read: bytes since it was made, headers
// included. They never wrap in practice.
struct BufferPositions {
  uint64_t consumer;
  uint64_t producer;
};

// For statistics, and to know when a drain has reached what was there.
struct SourceState {
  uint64_t size_bytes;                   // of each buffer
  std::vector<BufferPositions> buffers;  // one; of a perf buffer one for a CPU
  std::vector<uint64_t> lost_by_cpu;     // that the kernel reported; perf only
  uint64_t peak_bytes;  // the most that a drain found queued; rings only
  uint64_t opened_at;   // where the consumer was then; rings only
};

// What a drain did.
struct SourceDrain {
  // What became free in the kernel's buffer, discarded records included.
  uint64_t consumed_bytes = 0;
  // Records that were consumed but did not fit into the memory there is.
  uint64_t dropped = 0;
  // It ended because it had taken enough, and there may be more.
  bool more = false;
};

// One map and libbpf's consumer of it. Drain() is called by one thread at a
// time (Poller's source mutex); state() is called by any thread at any time.
class Source {
 public:
  virtual ~Source() = default;
  Source() = default;
  Source(const Source&) = delete;
  Source& operator=(const Source&) = delete;

  // Readable, level-triggered, when there is something to drain.
  virtual int epoll_fd() const = 0;

  // Copies records into `batch` until the source is empty, the batch is full,
  // or about as much as the kernel's buffer holds has been consumed, which
  // bounds a flood of discarded records. With `ready_only` it asks the kernel
  // first whether there are any. Adds to *drained. Returns 0 or -errno. Never
  // blocks.
  virtual int Drain(Batch* batch, bool ready_only, SourceDrain* drained) = 0;

  // The kernel's buffer, and so the largest record, in bytes.
  virtual size_t capacity_bytes() const = 0;

  // What may gather in it while the poll thread waits, in bytes.
  virtual uint64_t coalesce_bytes() const = 0;

  // How much must have gathered before its producers wake the consumer, in
  // bytes; 0 when they wake one that has caught up.
  virtual uint64_t wakeup_bytes() const { return 0; }

  virtual SourceState state() const = 0;

  // How far drains of this source took each buffer, as its consumer's position;
  // by the thread that may drain.
  virtual std::vector<uint64_t> taken_to() const {
    std::vector<uint64_t> positions;
    for (const BufferPositions& buffer : state().buffers) {
      positions.push_back(buffer.consumer);
    }
    return positions;
  }
};

}  // namespace bpf_ringbuf

#endif  // BPF_RINGBUF_NATIVE_CORE_SOURCE_H_
