// When to drain again: coalescing of wake-ups, without I/O or clocks.
#ifndef BPF_RINGBUF_NATIVE_CORE_COALESCER_H_
#define BPF_RINGBUF_NATIVE_CORE_COALESCER_H_

#include <cstdint>

namespace bpf_ringbuf {

// The kernel wakes a ring's consumer when a record is committed and the
// consumer has caught up. A consumer that drains at once makes the traced
// workload pay for a wake-up each time; one that waits a little under load
// leaves its position behind, and the kernel sends none.
//
// Next() turns the record rate into a wait: under load up to `coalesce_us`,
// shorter when the buffer would fill too far by then, starting short and
// doubling because the rate of a burst is not known when it begins.
class Coalescer {
 public:
  // Returned by Next(): block until the kernel reports records.
  static constexpr int64_t kBlock = -1;
  // Returned by Next(): block too, but for coalesce_us at most. The producers'
  // own wake-up is due before that.
  static constexpr int64_t kBlockBriefly = -2;

  // `coalesce_us` 0 switches waiting off: Next() always says kBlock.
  explicit Coalescer(uint32_t coalesce_us)
      : coalesce_ns_(static_cast<int64_t>(coalesce_us) * 1000) {}

  // Takes what the drain that ended at `now_ns` found, `bytes` being those that
  // it freed in the kernel's buffers, of which `limit_bytes` may gather. With
  // `wakeup_bytes` other than 0 the producers wake for so many, and not before.
  // Returns kBlock, kBlockBriefly, 0 (drain again at once) or a time to wait in
  // ns.
  int64_t Next(int64_t now_ns, uint64_t records, uint64_t bytes,
               uint64_t limit_bytes, uint64_t wakeup_bytes = 0);

 private:
  // So few records within coalesce_us are delivered one by one.
  static constexpr double kFewRecords = 4;
  static constexpr int64_t kFirstWaitNs = 32 * 1000;
  // A shorter wait is not worth its system call.
  static constexpr int64_t kShortestWaitNs = 4 * 1000;

  const int64_t coalesce_ns_;
  int64_t last_ns_ = 0;
  int64_t last_wait_ns_ = 0;
  // Leaky sums over the last coalesce_ns_: they fall to zero within it.
  double recent_records_ = 0;
  double recent_bytes_ = 0;
};

}  // namespace bpf_ringbuf

#endif  // BPF_RINGBUF_NATIVE_CORE_COALESCER_H_
