// A BPF_MAP_TYPE_PERF_EVENT_ARRAY map as a source: a buffer for each CPU.
#ifndef BPF_RINGBUF_NATIVE_CORE_PERF_SOURCE_H_
#define BPF_RINGBUF_NATIVE_CORE_PERF_SOURCE_H_

#include <bpf/libbpf.h>

#include <atomic>
#include <memory>
#include <vector>

#include "core/map_claim.h"
#include "core/source.h"

struct perf_event_header;

namespace bpf_ringbuf {

struct PerfOptions {
  uint32_t page_count;  // of each CPU's buffer; a power of two
  // Wake the consumer when so many bytes are queued on a CPU; 0: by events.
  uint32_t watermark_bytes;
  uint32_t wakeup_events;  // wake it for each so many events
  std::vector<int> cpus;   // empty: those that are online
};

// perf_buffer__new_raw(), because only it takes a watermark and lets a callback
// end a drain. Kernel 4.4 or newer for the map, 5.8 for CAP_PERFMON.
class PerfSource : public Source {
 public:
  // The map behind `map_fd` stays the caller's: the source keeps a duplicate.
  // Returns 0, -EINVAL when the map is no perf event array, -EBUSY when another
  // source of this process reads it, or another -errno: -ENODEV when one of the
  // chosen CPUs is offline.
  static int Open(int map_fd, uint32_t index, const PerfOptions& options,
                  std::unique_ptr<PerfSource>* source);
  ~PerfSource() override;

  int epoll_fd() const override;
  int Drain(Batch* batch, bool ready_only, SourceDrain* drained) override;
  // perf_event_header.size has 16 bits.
  size_t capacity_bytes() const override { return 1 << 16; }
  uint64_t coalesce_bytes() const override { return buffer_bytes_ / 4; }
  SourceState state() const override;

 private:
  PerfSource(uint32_t index, size_t possible_cpus)
      : index_(index), lost_(possible_cpus) {}

  static bpf_perf_event_ret OnEvent(void* context, int cpu,
                                    perf_event_header* event);
  bool Store(int cpu, const perf_event_header* event);

  const uint32_t index_;
  std::unique_ptr<MapClaim> claim_;
  int map_fd_ = -1;
  perf_buffer* buffer_ = nullptr;
  size_t buffer_count_ = 0;
  uint64_t buffer_bytes_ = 0;
  size_t rotation_ = 0;
  // Written by the draining thread, read by any.
  std::vector<std::atomic<uint64_t>> lost_;
  // Set for the duration of Drain().
  Batch* batch_ = nullptr;
  SourceDrain* drained_ = nullptr;
};

}  // namespace bpf_ringbuf

#endif  // BPF_RINGBUF_NATIVE_CORE_PERF_SOURCE_H_
