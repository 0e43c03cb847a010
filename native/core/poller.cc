#include "core/poller.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

namespace bpf_ringbuf {

namespace {

constexpr uint32_t kWakeEvent = UINT32_MAX;
constexpr int kMaxEvents = 16;

// A record that is reserved but not yet submitted makes the epoll descriptor
// readable with nothing to consume: its producer was preempted, or is slow.
constexpr int64_t kFirstBackoffNs = 20 * 1000;
constexpr int64_t kLongestBackoffNs = 1000 * 1000;

int64_t NowNs() {
  timespec now = {};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<int64_t>(now.tv_sec) * 1000000000 + now.tv_nsec;
}

// Signals are for the process's other threads; waits of a few microseconds
// need a finer timer slack than the default of 50.
void PrepareThread() {
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, nullptr);
  pthread_setname_np(pthread_self(), "bpf-ringbuf");
  prctl(PR_SET_TIMERSLACK, 5000, 0, 0, 0);
}

}  // namespace

Poller::Poller(const PollerOptions& options, std::function<void()> ring_bell)
    : options_(options),
      ring_bell_(std::move(ring_bell)),
      coalescer_(options.coalesce_us) {}

Poller::~Poller() {
  if (epoll_fd_ >= 0) close(epoll_fd_);
  if (wake_fd_ >= 0) close(wake_fd_);
}

int Poller::Open() {
  epoll_fd_ = epoll_create1(EPOLL_CLOEXEC);
  if (epoll_fd_ < 0) return -errno;
  wake_fd_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (wake_fd_ < 0) return -errno;
  if (!Watch(wake_fd_, kWakeEvent)) return -errno;
  for (uint32_t i = 0; i < options_.batch_count; i++) {
    batches_.push_back(std::make_unique<Batch>(i, options_.batch_bytes));
    free_.push_back(batches_.back().get());
  }
  return 0;
}

int Poller::Add(std::unique_ptr<Source> source, uint64_t drain_interval_us) {
  const std::lock_guard<std::mutex> sources(source_mutex_);
  const size_t record_bytes = std::max(record_bytes_, source->capacity_bytes());
  {
    // Those that are lent or published grow when they are acquired again; if
    // there is no memory for one, it must show here.
    const std::lock_guard<std::mutex> queue(queue_mutex_);
    for (Batch* batch : free_) {
      if (!batch->Reserve(record_bytes)) return -ENOMEM;
    }
  }
  if (!Watch(source->epoll_fd(), static_cast<uint32_t>(sources_.size()))) {
    return -errno;
  }
  record_bytes_ = record_bytes;
  coalesce_bytes_ =
      std::min<uint64_t>(coalesce_bytes_, source->coalesce_bytes());
  wakeup_bytes_ = std::min<uint64_t>(wakeup_bytes_, source->wakeup_bytes());
  sources_.push_back(std::move(source));
  source_count_ = sources_.size();
  const uint64_t interval_us = drain_interval_us_;
  if (drain_interval_us != 0 &&
      (interval_us == 0 || drain_interval_us < interval_us)) {
    drain_interval_us_ = drain_interval_us;
    // The thread may be in a wait without end.
    SignalWake();
  }
  return 0;
}

void Poller::Run() {
  PrepareThread();
  int64_t backoff_ns = kFirstBackoffNs;
  uint64_t brief_us = 0;
  for (;;) {
    const Woken woken = WaitForRecords(brief_us);
    if (woken == Woken::kStopped) return;
    wakeups_.fetch_add(1, std::memory_order_relaxed);
    brief_us = 0;
    bool ready_only = woken == Woken::kReady;
    for (;;) {
      Drained drained;
      if (!DrainAll(ready_only, &drained)) return;
      if (drained.error != 0) {
        error_ = drained.error;
        ring_bell_();
        return;
      }
      if (ready_only && drained.bytes == 0) {
        if (!Sleep(backoff_ns)) return;
        backoff_ns = std::min(2 * backoff_ns, kLongestBackoffNs);
        break;
      }
      if (drained.bytes != 0) backoff_ns = kFirstBackoffNs;
      const int64_t wait_ns =
          coalescer_.Next(NowNs(), drained.records, drained.bytes,
                          coalesce_bytes_, wakeup_bytes_);
      if (wait_ns == Coalescer::kBlockBriefly) {
        brief_us = options_.coalesce_us;
        break;
      }
      if (wait_ns == Coalescer::kBlock) break;
      if (wait_ns > 0 && !Sleep(wait_ns)) return;
      ready_only = false;
    }
  }
}

void Poller::Stop() {
  stop_ = true;
  if (wake_fd_ >= 0) SignalWake();
}

int64_t Poller::Drain(bool* more) {
  const Drained drained = DrainOnce(false);
  *more = drained.more;
  if (drained.more) {
    // The rest was committed while the consumer was behind, and so woke nobody.
    // The producer that it was behind of may look only now and find it gone on.
    look_ = true;
    SignalWake();
  }
  if (drained.error == -EBUSY) {
    error_ = drained.error;
    return static_cast<int64_t>(drained.records);
  }
  return drained.error != 0 ? drained.error
                            : static_cast<int64_t>(drained.records);
}

uint32_t Poller::Mark() {
  const std::lock_guard<std::mutex> sources(source_mutex_);
  const uint32_t mark = next_mark_++;
  MarkState& state = marks_[mark];
  for (const auto& source : sources_) {
    for (const BufferPositions& buffer : source->state().buffers) {
      state.positions.push_back(buffer.producer);
    }
  }
  CheckMarks();
  return mark;
}

int64_t Poller::MarkReached(uint32_t mark) const {
  const auto found = marks_.find(mark);
  return found == marks_.end() ? -1 : found->second.published.load();
}

void Poller::Unmark(uint32_t mark) {
  const std::lock_guard<std::mutex> sources(source_mutex_);
  marks_.erase(mark);
}

void Poller::CheckMarks() {
  if (marks_.empty()) return;
  std::vector<uint64_t> consumed;
  for (const auto& source : sources_) {
    for (const uint64_t position : source->taken_to()) {
      consumed.push_back(position);
    }
  }
  for (auto& [number, mark] : marks_) {
    if (mark.published >= 0) continue;
    // Sources that were added since stand behind those that were marked.
    const bool reached =
        std::equal(mark.positions.begin(), mark.positions.end(),
                   consumed.begin(), std::less_equal<uint64_t>());
    if (reached) mark.published = static_cast<int64_t>(published_count_.load());
  }
}

Batch* Poller::Take() {
  const std::lock_guard<std::mutex> queue(queue_mutex_);
  if (published_.empty()) {
    bell_rung_ = false;
    return nullptr;
  }
  Batch* batch = published_.front();
  published_.pop_front();
  batch->set_lent(true);
  return batch;
}

Batch* Poller::lent(uint32_t index) const {
  if (index >= batches_.size()) return nullptr;
  Batch* batch = batches_[index].get();
  return batch->lent() ? batch : nullptr;
}

void Poller::GiveBack(Batch* batch) {
  batch->set_lent(false);
  batch->Clear();
  Release(batch);
}

PollerStats Poller::stats() const {
  PollerStats stats = {};
  stats.records = records_.load(std::memory_order_relaxed);
  stats.bytes = bytes_.load(std::memory_order_relaxed);
  stats.batches = published_count_.load(std::memory_order_relaxed);
  stats.wakeups = wakeups_.load(std::memory_order_relaxed);
  stats.dropped = dropped_.load(std::memory_order_relaxed);
  stats.stalls = stalls_.load(std::memory_order_relaxed);
  return stats;
}

Poller::Woken Poller::WaitForRecords(uint64_t brief_us) {
  for (;;) {
    if (look_.exchange(false)) return Woken::kAsked;
    const uint64_t interval_us =
        brief_us != 0 ? brief_us : drain_interval_us_.load();
    epoll_event events[kMaxEvents];
    const int count = WaitForEvents(events, interval_us);
    if (count < 0) {
      // Signals are blocked on this thread, but a debugger may interrupt it.
      if (errno == EINTR) continue;
      error_ = -errno;
      ring_bell_();
      return Woken::kStopped;
    }
    bool ready = false;
    for (int i = 0; i < count; i++) {
      if (events[i].data.u32 == kWakeEvent) {
        ClearWake();
      } else {
        ready = true;
      }
    }
    // After ClearWake(), which may have taken what Stop() signalled.
    if (stop_) return Woken::kStopped;
    if (count == 0) return Woken::kInterval;
    if (ready) return Woken::kReady;
  }
}

int Poller::WaitForEvents(epoll_event* events, uint64_t interval_us) {
  int timeout_ms = -1;
  if (interval_us != 0) {
    // epoll_wait() knows milliseconds only, epoll_pwait2() needs Linux 5.11.
    const timespec interval = {static_cast<time_t>(interval_us / 1000000),
                               static_cast<long>(interval_us % 1000000 * 1000)};
    pollfd readable = {epoll_fd_, POLLIN, 0};
    if (ppoll(&readable, 1, &interval, nullptr) == 0) return 0;
    timeout_ms = 0;
  }
  return epoll_wait(epoll_fd_, events, kMaxEvents, timeout_ms);
}

bool Poller::WaitForFreeBatch() {
  stalls_.fetch_add(1, std::memory_order_relaxed);
  for (;;) {
    {
      const std::lock_guard<std::mutex> queue(queue_mutex_);
      if (!free_.empty()) return !stop_;
      starved_ = true;
    }
    pollfd wake = {wake_fd_, POLLIN, 0};
    ::poll(&wake, 1, -1);
    ClearWake();
    if (stop_) return false;
  }
}

bool Poller::Sleep(int64_t wait_ns) {
  const timespec wait = {static_cast<time_t>(wait_ns / 1000000000),
                         static_cast<long>(wait_ns % 1000000000)};
  pollfd wake = {wake_fd_, POLLIN, 0};
  if (ppoll(&wake, 1, &wait, nullptr) > 0) ClearWake();
  return !stop_;
}

bool Poller::DrainAll(bool ready_only, Drained* total) {
  for (;;) {
    const Drained drained = DrainOnce(ready_only);
    total->records += drained.records;
    total->bytes += drained.bytes;
    total->error = drained.error;
    if (stop_) return false;
    if (drained.error != 0) return true;
    if (drained.no_batch) {
      if (!WaitForFreeBatch()) return false;
    } else if (!drained.more) {
      return true;
    }
  }
}

Poller::Drained Poller::DrainOnce(bool ready_only) {
  Drained drained;
  const std::lock_guard<std::mutex> sources(source_mutex_);
  Batch* batch = Acquire();
  if (batch == nullptr) {
    drained.no_batch = true;
    return drained;
  }
  const size_t count = sources_.size();
  for (size_t i = 0; i < count; i++) {
    Source& source = *sources_[(rotation_ + i) % count];
    SourceDrain part;
    const int error = source.Drain(batch, ready_only, &part);
    if (error != 0) drained.error = error;
    drained.bytes += part.consumed_bytes;
    drained.more |= part.more;
    dropped_.fetch_add(part.dropped, std::memory_order_relaxed);
    if (batch->full()) {
      rotation_ = (rotation_ + i + 1) % count;
      drained.more = true;
      break;
    }
  }
  drained.records = batch->records();
  if (batch->size_bytes() == 0) {
    Release(batch);
  } else {
    Publish(batch);
  }
  CheckMarks();
  return drained;
}

Batch* Poller::Acquire() {
  const std::lock_guard<std::mutex> queue(queue_mutex_);
  if (free_.empty()) return nullptr;
  Batch* batch = free_.back();
  free_.pop_back();
  batch->Reserve(record_bytes_);
  return batch;
}

void Poller::Release(Batch* batch) {
  bool starved;
  {
    const std::lock_guard<std::mutex> queue(queue_mutex_);
    free_.push_back(batch);
    starved = std::exchange(starved_, false);
  }
  if (starved) SignalWake();
}

void Poller::Publish(Batch* batch) {
  records_.fetch_add(batch->records(), std::memory_order_relaxed);
  bytes_.fetch_add(batch->record_bytes(), std::memory_order_relaxed);
  published_count_.fetch_add(1, std::memory_order_relaxed);
  bool ring;
  {
    const std::lock_guard<std::mutex> queue(queue_mutex_);
    published_.push_back(batch);
    ring = !std::exchange(bell_rung_, true);
  }
  if (ring) ring_bell_();
}

bool Poller::Watch(int fd, uint32_t events_data) {
  epoll_event event = {};
  event.events = EPOLLIN;
  event.data.u32 = events_data;
  return epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, fd, &event) == 0;
}

void Poller::SignalWake() {
  const uint64_t one = 1;
  // Or the counter is at its limit, and then it is readable.
  while (write(wake_fd_, &one, sizeof(one)) < 0 && errno == EINTR) {
  }
}

void Poller::ClearWake() {
  uint64_t count;
  (void)!read(wake_fd_, &count, sizeof(count));
}

}  // namespace bpf_ringbuf
