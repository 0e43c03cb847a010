#include "core/ring_source.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>

#include "core/ring_snapshot.h"

namespace bpf_ringbuf {

namespace {

uint64_t LoadPosition(const uint8_t* page) {
  // unsigned long in the kernel, so 32 bits wide on a 32-bit host.
  return __atomic_load_n(reinterpret_cast<const unsigned long*>(page),
                         __ATOMIC_ACQUIRE);
}

}  // namespace

int RingSource::Open(int map_fd, uint32_t index, uint64_t wakeup_bytes,
                     std::unique_ptr<RingSource>* source) {
  bpf_map_info info = {};
  uint32_t info_bytes = sizeof(info);
  if (bpf_obj_get_info_by_fd(map_fd, &info, &info_bytes) != 0) return -errno;
  if (info.type != BPF_MAP_TYPE_RINGBUF) return -EINVAL;
  // libbpf begins at the consumer's position, and what is there was
  // overwritten.
  if ((info.map_flags & kRingOverwrites) != 0) return -EMEDIUMTYPE;

  std::unique_ptr<RingSource> opened(new RingSource(index));
  opened->claim_ = MapClaim::Take(info.id);
  if (opened->claim_ == nullptr) return -EBUSY;
  opened->capacity_bytes_ = info.max_entries;
  opened->coalesce_bytes_ = info.max_entries / 4;
  opened->wakeup_bytes_ = wakeup_bytes;
  if (wakeup_bytes != 0) {
    // Drained before it is reached, it costs the producers nothing.
    opened->coalesce_bytes_ =
        std::min(opened->coalesce_bytes_, wakeup_bytes / 2);
  }
  opened->page_bytes_ = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  opened->map_fd_ = fcntl(map_fd, F_DUPFD_CLOEXEC, 0);
  if (opened->map_fd_ < 0) return -errno;
  void* positions = mmap(nullptr, 2 * opened->page_bytes_, PROT_READ,
                         MAP_SHARED, opened->map_fd_, 0);
  if (positions == MAP_FAILED) return -errno;
  opened->positions_ = static_cast<uint8_t*>(positions);
  opened->opened_at_ = LoadPosition(opened->positions_);
  opened->left_at_ = opened->opened_at_;
  opened->ring_ =
      ring_buffer__new(opened->map_fd_, OnSample, opened.get(), nullptr);
  if (opened->ring_ == nullptr) return -errno;
  *source = std::move(opened);
  return 0;
}

RingSource::~RingSource() {
  ring_buffer__free(ring_);
  if (positions_ != nullptr) munmap(positions_, 2 * page_bytes_);
  if (map_fd_ >= 0) close(map_fd_);
}

int RingSource::epoll_fd() const { return ring_buffer__epoll_fd(ring_); }

int RingSource::Drain(Batch* batch, bool ready_only, SourceDrain* drained) {
  const uint64_t before = LoadPosition(positions_);
  disturbed_ = disturbed_ || before != left_at_;
  if (disturbed_) return -EBUSY;
  const uint64_t queued = LoadPosition(positions_ + page_bytes_) - before;
  if (queued > peak_bytes_.load(std::memory_order_relaxed)) {
    peak_bytes_.store(queued, std::memory_order_relaxed);
  }
  batch_ = batch;
  drained_ = drained;
  int result =
      ready_only ? ring_buffer__poll(ring_, 0) : ring_buffer__consume(ring_);
  // libbpf stores the consumer's position, then looks at the next record. x86
  // may do the look first: then that record's producer can still see the old
  // position and wake nobody. A second look after a fence finds the record, or
  // the producer finds the position. Where epoll said that there are records it
  // asks the ring again before it waits, being level-triggered.
  uint64_t position = before;
  while (!ready_only && result >= 0 && LoadPosition(positions_) != position) {
    position = LoadPosition(positions_);
    // Discarded records fill no batch: whoever waits for this thread would wait
    // for their producers.
    if (position - before > capacity_bytes_) {
      drained->more = true;
      break;
    }
    __sync_synchronize();
    result = ring_buffer__consume(ring_);
  }
  batch_ = nullptr;
  drained_ = nullptr;
  left_at_ = LoadPosition(positions_);
  drained->consumed_bytes += left_at_ - before;
  if (result == -ECANCELED || result == -EINTR || result >= 0) return 0;
  return result;
}

SourceState RingSource::state() const {
  // The consumer first: the producer only runs ahead, so the difference is
  // never negative.
  const uint64_t consumer = LoadPosition(positions_);
  const uint64_t producer = LoadPosition(positions_ + page_bytes_);
  return {capacity_bytes_,
          {{consumer, producer}},
          {},
          std::max(peak_bytes_.load(std::memory_order_relaxed),
                   producer - consumer),
          opened_at_};
}

int RingSource::OnSample(void* context, void* data, size_t size) {
  auto* source = static_cast<RingSource*>(context);
  // libbpf counts a record as consumed whatever the callback returns: store it
  // first, stop after it.
  if (!source->batch_->Append(source->stream_, data,
                              static_cast<uint32_t>(size))) {
    source->drained_->dropped++;
    return -ECANCELED;
  }
  return source->batch_->full() ? -ECANCELED : 0;
}

}  // namespace bpf_ringbuf
