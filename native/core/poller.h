// The poll thread: waits for records, drains them into batches, hands these to
// the JavaScript thread.
#ifndef BPF_RINGBUF_NATIVE_CORE_POLLER_H_
#define BPF_RINGBUF_NATIVE_CORE_POLLER_H_

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "core/batch.h"
#include "core/coalescer.h"
#include "core/source.h"

struct epoll_event;

namespace bpf_ringbuf {

struct PollerOptions {
  // The longest wait between two drains under load; 0: never wait.
  uint32_t coalesce_us;
  uint32_t batch_bytes;
  uint32_t batch_count;
};

struct PollerStats {
  uint64_t records;  // received from the kernel
  uint64_t bytes;    // of these records
  uint64_t batches;
  uint64_t wakeups;  // times that the thread came back from epoll
  uint64_t dropped;  // received, but there was no memory to keep them
  uint64_t stalls;   // times that the thread found no free batch
};

// The hand-off. A batch is in exactly one of four states: free, open (in the
// hands of the thread that drains), published, lent (in the hands of the
// JavaScript thread):
//
//   free --Drain--> open --records--> published --Take--> lent --GiveBack-->
//   free
//                     \--no records--> free
//
// There are batch_count batches and no other queue: when none is free the
// poller waits and the records stay in the kernel's buffer.
//
// Threads. Run() is the poll thread's body. Add(), Drain(), Take(), GiveBack(),
// the marks and Stop() are for one other thread, JavaScript's. stats() and
// Source::state() are for any. Locks, in this order: source_mutex_ (sources_,
// rotation_, the open batch), queue_mutex_ (free_, published_). Neither is held
// in a wait.
//
// Life. 1. Open() before anything else. 2. Stop() ends Run() for good. 3. The
// destructor comes after Run() has returned. 4. Ringing the bell is the only
// call out of the poll thread; it may come once more after Stop() and before
// Run() returns.
class Poller {
 public:
  // `ring_bell` is called on the draining thread after a batch was published
  // and no bell since the last Take() that found nothing; it must not block.
  Poller(const PollerOptions& options, std::function<void()> ring_bell);
  ~Poller();
  Poller(const Poller&) = delete;
  Poller& operator=(const Poller&) = delete;

  // Returns 0 or -errno.
  int Open();

  // Adds a source; also while Run() runs. `drain_interval_us`, unless 0, is how
  // often to drain at least, even when the kernel reports nothing: for
  // producers that suppress wake-ups and for perf buffers below their
  // watermark. The shortest of all sources holds. Returns 0 or -errno; on
  // failure nothing has changed.
  int Add(std::unique_ptr<Source> source, uint64_t drain_interval_us = 0);

  // Drains until Stop(), or until a source fails: then error() says how, and
  // the bell rings. Blocks; call on the poll thread.
  void Run();

  // 0, or the -errno that ended Run() early. Any thread.
  int error() const { return error_; }

  // Ends Run() within one drain. Any thread, any number of times.
  void Stop();

  // Drains into one batch on the calling thread, if one is free. *more tells
  // that it became full, and that there may be more. Returns the records
  // received or -errno; of -EBUSY, which a source has for good, error() tells,
  // so that what was received before comes first.
  int64_t Drain(bool* more);

  // Marks what all sources hold at this moment, and returns the mark's number.
  uint32_t Mark();
  // How many batches had been published when the last of what was marked had
  // been drained, so that it is delivered when the batches up to that one are;
  // -1 before. A record that was reserved before the mark and is still being
  // written keeps it from being reached.
  int64_t MarkReached(uint32_t mark) const;
  void Unmark(uint32_t mark);

  // The oldest published batch, now lent; null when there is none.
  Batch* Take();
  void GiveBack(Batch* batch);

  PollerStats stats() const;
  size_t source_count() const { return source_count_.load(); }
  const Source& source(size_t index) const { return *sources_[index]; }
  // The lent batch of this index; null when there is none. JavaScript's thread.
  Batch* lent(uint32_t index) const;

 private:
  struct Drained {
    uint64_t records = 0;
    uint64_t bytes = 0;  // of the kernel's buffers
    bool more = false;   // a batch became full
    bool no_batch = false;
    int error = 0;
  };
  enum class Woken { kReady, kInterval, kAsked, kStopped };
  struct MarkState {
    std::vector<uint64_t> positions;  // the producers' of all buffers
    std::atomic<int64_t> published{-1};
  };

  // Run()'s steps. Each returns early, and false or kStopped, on Stop().
  // Of the waits an interval of 0 has no end. `brief_us`, unless 0, takes the
  // place of the drain interval this once.
  Woken WaitForRecords(uint64_t brief_us);
  int WaitForEvents(epoll_event* events, uint64_t interval_us);
  bool WaitForFreeBatch();
  bool Sleep(int64_t wait_ns);
  bool DrainAll(bool ready_only, Drained* total);

  // Fills and publishes one batch.
  Drained DrainOnce(bool ready_only);
  void CheckMarks();

  Batch* Acquire();
  void Release(Batch* batch);
  void Publish(Batch* batch);
  bool Watch(int fd, uint32_t events_data);
  void SignalWake();
  void ClearWake();

  const PollerOptions options_;
  const std::function<void()> ring_bell_;

  int epoll_fd_ = -1;
  // An eventfd that ends every wait of the poll thread.
  int wake_fd_ = -1;
  std::atomic<bool> stop_{false};
  std::atomic<bool> look_{false};  // Drain() left records that nobody wakes for
  std::atomic<int> error_{0};

  std::mutex source_mutex_;
  // Grows only, in Add(), under source_mutex_; the JavaScript thread, which is
  // the only one that adds, reads it without.
  std::vector<std::unique_ptr<Source>> sources_;
  std::atomic<size_t> source_count_{0};
  size_t rotation_ = 0;      // under source_mutex_
  size_t record_bytes_ = 0;  // largest possible record; under source_mutex_
  std::atomic<uint64_t> coalesce_bytes_{UINT64_MAX};  // least of any source
  std::atomic<uint64_t> wakeup_bytes_{UINT64_MAX};    // least of any source
  std::atomic<uint64_t> drain_interval_us_{0};        // shortest; 0: none
  // Changed by the JavaScript thread under source_mutex_, so that thread reads
  // them without.
  std::map<uint32_t, MarkState> marks_;
  uint32_t next_mark_ = 0;  // JavaScript thread only

  std::mutex queue_mutex_;
  std::vector<Batch*> free_;      // under queue_mutex_
  std::deque<Batch*> published_;  // under queue_mutex_
  bool starved_ = false;          // under queue_mutex_: waits for a free batch
  bool bell_rung_ = false;        // under queue_mutex_
  std::vector<std::unique_ptr<Batch>> batches_;  // constant after Open()

  Coalescer coalescer_;  // poll thread only

  // Written by the draining thread, read by any.
  std::atomic<uint64_t> records_{0};
  std::atomic<uint64_t> bytes_{0};
  std::atomic<uint64_t> published_count_{0};
  std::atomic<uint64_t> wakeups_{0};
  std::atomic<uint64_t> dropped_{0};
  std::atomic<uint64_t> stalls_{0};
};

}  // namespace bpf_ringbuf

#endif  // BPF_RINGBUF_NATIVE_CORE_POLLER_H_
