#include "core/coalescer.h"

#include <algorithm>

namespace bpf_ringbuf {

int64_t Coalescer::Next(int64_t now_ns, uint64_t records, uint64_t bytes,
                        uint64_t limit_bytes, uint64_t wakeup_bytes) {
  if (coalesce_ns_ == 0) return kBlock;
  const int64_t elapsed_ns = now_ns - last_ns_;
  last_ns_ = now_ns;
  const double kept =
      std::max(0.0, 1.0 - static_cast<double>(elapsed_ns) /
                              static_cast<double>(coalesce_ns_));
  // Bytes without records are discarded records, at least one.
  const uint64_t found = std::max<uint64_t>(records, bytes == 0 ? 0 : 1);
  recent_records_ = recent_records_ * kept + static_cast<double>(found);
  recent_bytes_ = recent_bytes_ * kept + static_cast<double>(bytes);
  if (kept == 0 && elapsed_ns > 8 * coalesce_ns_) last_wait_ns_ = 0;

  if (found == 0 || recent_records_ <= kFewRecords) return kBlock;

  // The faster of two estimates: over the window, and since the last drain,
  // which knows a burst that has just begun.
  const double window_ns = static_cast<double>(coalesce_ns_);
  const double since_last_ns =
      std::clamp(static_cast<double>(elapsed_ns), 1.0, window_ns);
  const double bytes_per_ns =
      std::max({recent_bytes_ / window_ns,
                static_cast<double>(bytes) / since_last_ns, 1e-9});
  // A wake-up for many records is cheap, and comes without oversleeping: past
  // the threshold each record would cost one.
  if (wakeup_bytes != 0 &&
      static_cast<double>(wakeup_bytes) / bytes_per_ns < window_ns) {
    return kBlockBriefly;
  }
  const double fill_ns = static_cast<double>(limit_bytes) / bytes_per_ns;
  int64_t wait_ns = std::min(
      coalesce_ns_, std::max<int64_t>(2 * last_wait_ns_, kFirstWaitNs));
  if (fill_ns < static_cast<double>(wait_ns)) {
    wait_ns = static_cast<int64_t>(fill_ns);
  }
  last_wait_ns_ = wait_ns;
  return wait_ns < kShortestWaitNs ? 0 : wait_ns;
}

}  // namespace bpf_ringbuf
