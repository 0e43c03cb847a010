// The hand-off between the poll thread and another one, with a source that
// needs no kernel support: run under TSan and ASan too (make sanitize).
#include "../../native/poller.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <memory>
#include <mutex>
#include <random>
#include <thread>
#include <vector>

#include "test.h"

namespace bpf_ringbuf {
namespace {

void SpinFor(std::chrono::microseconds time) {
  const auto end = std::chrono::steady_clock::now() + time;
  while (std::chrono::steady_clock::now() < end) {
  }
}

// A bounded queue of sequence numbers, in the place of a ring. As the kernel,
// it signals when a record comes and the consumer has caught up.
class FakeSource : public Source {
 public:
  FakeSource(uint32_t index, uint64_t capacity)
      : stream_(StreamOf(index, 0)),
        capacity_(capacity),
        event_fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}
  ~FakeSource() override { close(event_fd_); }

  // False when there is no room.
  bool Produce() {
    const uint64_t produced = produced_.load();
    if (produced - consumed_.load() >= capacity_) return false;
    produced_ = produced + 1;
    if (consumed_.load() == produced) Signal();
    return true;
  }

  // As if committed before the consumer came to it: nobody is signalled.
  void ProduceBehind(uint64_t count) {
    signals_rest_ = false;
    produced_ += count;
  }

  // Readable although there is nothing, as with a record being written.
  void SetBusy(bool busy) {
    busy_ = busy;
    if (busy) Signal();
  }

  void Fail(int error) {
    error_ = error;
    Signal();
  }

  int epoll_fd() const override { return event_fd_; }

  int Drain(Batch* batch, bool ready_only, uint64_t* consumed_bytes,
            uint64_t* dropped) override {
    (void)ready_only;
    (void)dropped;
    drains++;
    if (error_ != 0) return error_;
    if (busy_) SpinFor(std::chrono::microseconds(5));
    uint64_t ignored;
    if (!busy_) (void)!read(event_fd_, &ignored, sizeof(ignored));
    uint64_t next = consumed_.load();
    while (next < produced_.load() && !batch->full()) {
      batch->Append(stream_, &next, sizeof(next));
      consumed_ = ++next;
      *consumed_bytes += 16;
    }
    // Level-triggered: still readable when something is left.
    if (next < produced_.load() && signals_rest_) Signal();
    return 0;
  }

  size_t capacity_bytes() const override { return capacity_ * 16; }
  uint64_t coalesce_bytes() const override { return capacity_ * 4; }
  SourceState state() const override { return {}; }

  std::atomic<uint64_t> drains{0};

 private:
  void Signal() {
    const uint64_t one = 1;
    (void)!write(event_fd_, &one, sizeof(one));
  }

  const uint32_t stream_;
  const uint64_t capacity_;
  const int event_fd_;
  std::atomic<uint64_t> produced_{0};
  std::atomic<uint64_t> consumed_{0};
  std::atomic<bool> busy_{false};
  std::atomic<bool> signals_rest_{true};
  std::atomic<int> error_{0};
};

// The bell and the poll thread.
class Stream {
 public:
  explicit Stream(uint32_t coalesce_us, uint32_t batch_count = 3)
      : poller({coalesce_us, 0, 4096, batch_count}, [this] { Ring(); }) {}

  ~Stream() { Stop(); }

  void Start() {
    thread_ = std::thread([this] { poller.Run(); });
  }

  void Stop() {
    poller.Stop();
    if (thread_.joinable()) thread_.join();
  }

  // Waits for a ring; false after ten seconds without.
  bool WaitForBell() {
    std::unique_lock<std::mutex> lock(mutex_);
    const bool rung = changed_.wait_for(lock, std::chrono::seconds(10),
                                        [this] { return rings_ > 0; });
    rings_ = 0;
    return rung;
  }

  Poller poller;

 private:
  void Ring() {
    const std::lock_guard<std::mutex> lock(mutex_);
    rings_++;
    changed_.notify_one();
  }

  std::thread thread_;
  std::mutex mutex_;
  std::condition_variable changed_;
  int rings_ = 0;
};

// Checks that the records of each source come in order, none missing.
class Sequence {
 public:
  explicit Sequence(size_t sources) : next_(sources) {}

  bool Check(const Batch& batch) {
    bool ok = true;
    const uint8_t* data = batch.arena()->data();
    for (size_t i = 0; i < batch.size_bytes(); i += 16) {
      FrameHeader header;
      uint64_t sequence;
      memcpy(&header, data + i, sizeof(header));
      memcpy(&sequence, data + i + 8, sizeof(sequence));
      ok = ok && header.length == 8 && sequence == next_[header.stream >> 16];
      next_[header.stream >> 16]++;
      received++;
    }
    return ok;
  }

  uint64_t received = 0;

 private:
  std::vector<uint64_t> next_;
};

std::vector<FakeSource*> AddSources(Poller* poller, uint32_t count,
                                    uint64_t capacity) {
  std::vector<FakeSource*> sources;
  for (uint32_t i = 0; i < count; i++) {
    auto source = std::make_unique<FakeSource>(i, capacity);
    sources.push_back(source.get());
    EXPECT(poller->Add(std::move(source)) == 0);
  }
  return sources;
}

// Produces `each` records into each source, in bursts, and receives them all.
void Race(uint32_t coalesce_us, uint32_t source_count, uint64_t capacity,
          uint64_t each, uint32_t seed, bool drain_too) {
  Stream stream(coalesce_us);
  EXPECT(stream.poller.Open() == 0);
  const auto sources = AddSources(&stream.poller, source_count, capacity);
  stream.Start();

  std::vector<std::thread> producers;
  for (uint32_t i = 0; i < source_count; i++) {
    producers.emplace_back([source = sources[i], each, seed, i] {
      std::mt19937 random(seed + i);
      for (uint64_t made = 0; made < each;) {
        for (uint32_t burst = random() % 300; burst > 0 && made < each;) {
          if (source->Produce()) {
            made++;
            burst--;
          } else {
            std::this_thread::yield();
          }
        }
        if (random() % 4 == 0) {
          std::this_thread::sleep_for(
              std::chrono::microseconds(random() % 100));
        }
      }
    });
  }

  Sequence sequence(source_count);
  std::mt19937 random(seed);
  bool in_order = true;
  while (sequence.received < each * source_count) {
    if (!stream.WaitForBell()) {
      EXPECT(!"a bell within ten seconds");
      break;
    }
    if (drain_too && random() % 3 == 0) {
      bool more;
      EXPECT(stream.poller.Drain(&more) >= 0);
    }
    while (Batch* batch = stream.poller.Take()) {
      in_order = sequence.Check(*batch) && in_order;
      if (random() % 16 == 0) {
        std::this_thread::sleep_for(std::chrono::microseconds(50));
      }
      stream.poller.GiveBack(batch);
    }
  }
  for (auto& producer : producers) producer.join();
  stream.Stop();
  EXPECT(in_order);
  EXPECT(sequence.received == each * source_count);
  EXPECT(stream.poller.stats().records == each * source_count);
}

TEST("poller: every record arrives once, in order, coalesced") {
  Race(500, 1, 4096, 200000, 1, false);
}

TEST("poller: every record arrives once, in order, not coalesced") {
  Race(0, 1, 4096, 100000, 2, false);
}

TEST("poller: several sources and a small buffer") {
  Race(200, 3, 64, 30000, 3, false);
}

TEST("poller: the other thread drains too") {
  Race(200, 2, 1024, 50000, 4, true);
}

TEST("poller: a drain that found nothing wakes who waits for its batch") {
  Stream stream(0, 1);
  EXPECT(stream.poller.Open() == 0);
  FakeSource* source = AddSources(&stream.poller, 1, 64)[0];
  stream.Start();
  std::mt19937 random(5);
  for (int i = 0; i < 20000; i++) {
    EXPECT(source->Produce());
    if (!stream.WaitForBell()) {
      EXPECT(!"a bell within ten seconds");
      break;
    }
    Batch* batch = stream.poller.Take();
    EXPECT(batch != nullptr && stream.poller.Take() == nullptr);
    if (batch == nullptr) break;
    // The poll thread wakes up, finds no batch, and begins to wait for one
    // while the drain here has it.
    source->SetBusy(true);
    SpinFor(std::chrono::microseconds(random() % 16));
    stream.poller.GiveBack(batch);
    bool more;
    EXPECT(stream.poller.Drain(&more) == 0);
    source->SetBusy(false);
  }
}

TEST("poller: what a drain on the other thread leaves is not forgotten") {
  Stream stream(500, 2);
  EXPECT(stream.poller.Open() == 0);
  const auto sources = AddSources(&stream.poller, 1, 1 << 20);
  stream.Start();
  sources[0]->ProduceBehind(1000);
  bool more = false;
  EXPECT(stream.poller.Drain(&more) == 4096 / 16);
  EXPECT(more);
  Sequence sequence(1);
  while (sequence.received < 1000 && stream.WaitForBell()) {
    while (Batch* batch = stream.poller.Take()) {
      EXPECT(sequence.Check(*batch));
      stream.poller.GiveBack(batch);
    }
  }
  EXPECT(sequence.received == 1000);
}

TEST("poller: a wait for records ends when it is stopped") {
  for (int i = 0; i < 50; i++) {
    Stream stream(500);
    EXPECT(stream.poller.Open() == 0);
    AddSources(&stream.poller, 1, 64);
    stream.Start();
    stream.Stop();
  }
}

TEST("poller: a coalescing wait ends when it is stopped") {
  for (int i = 0; i < 20; i++) {
    Stream stream(1000000);
    EXPECT(stream.poller.Open() == 0);
    const auto sources = AddSources(&stream.poller, 1, 1 << 20);
    for (int record = 0; record < 1000; record++) sources[0]->Produce();
    stream.Start();
    EXPECT(stream.WaitForBell());
    const auto start = std::chrono::steady_clock::now();
    stream.Stop();
    EXPECT(std::chrono::steady_clock::now() - start <
           std::chrono::milliseconds(900));
  }
}

TEST("poller: without a free batch it leaves the records, and can be stopped") {
  Stream stream(0, 2);
  EXPECT(stream.poller.Open() == 0);
  const auto sources = AddSources(&stream.poller, 1, 1 << 20);
  for (int record = 0; record < 10000; record++) sources[0]->Produce();
  stream.Start();
  EXPECT(stream.WaitForBell());
  while (stream.poller.stats().batches < 2) std::this_thread::yield();
  Batch* first = stream.poller.Take();
  Batch* second = stream.poller.Take();
  EXPECT(first != nullptr && second != nullptr);
  EXPECT(stream.poller.Take() == nullptr);
  EXPECT(stream.poller.stats().batches == 2);
  // One comes back: one more batch, and no more than that.
  stream.poller.GiveBack(first);
  EXPECT(stream.WaitForBell());
  EXPECT(stream.poller.stats().batches == 3);
  stream.Stop();
}

TEST("poller: a source that is added later is drained") {
  Stream stream(0);
  EXPECT(stream.poller.Open() == 0);
  AddSources(&stream.poller, 1, 64);
  stream.Start();
  auto later = std::make_unique<FakeSource>(1, 1 << 20);
  FakeSource* source = later.get();
  EXPECT(stream.poller.Add(std::move(later)) == 0);
  EXPECT(source->Produce());
  EXPECT(stream.WaitForBell());
  Batch* batch = stream.poller.Take();
  EXPECT(batch != nullptr && batch->records() == 1);
  if (batch != nullptr) stream.poller.GiveBack(batch);
}

TEST("poller: a busy source does no busy loop, and nothing is lost after it") {
  Stream stream(500);
  EXPECT(stream.poller.Open() == 0);
  const auto sources = AddSources(&stream.poller, 1, 64);
  sources[0]->SetBusy(true);
  stream.Start();
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  // Backed off to 1 ms: some 200 looks, far from what a loop makes.
  EXPECT(sources[0]->drains < 2000);
  sources[0]->SetBusy(false);
  EXPECT(sources[0]->Produce());
  EXPECT(stream.WaitForBell());
}

TEST("poller: idle, it looks at nothing") {
  Stream stream(500);
  EXPECT(stream.poller.Open() == 0);
  const auto sources = AddSources(&stream.poller, 1, 64);
  stream.Start();
  EXPECT(sources[0]->Produce());
  EXPECT(stream.WaitForBell());
  const uint64_t before = sources[0]->drains;
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  EXPECT(sources[0]->drains <= before + 1);
}

TEST("poller: an interval drains what was never signalled") {
  Poller poller({0, 20000, 4096, 2}, [] {});
  EXPECT(poller.Open() == 0);
  const auto sources = AddSources(&poller, 1, 64);
  std::thread thread([&poller] { poller.Run(); });
  while (sources[0]->drains < 5) std::this_thread::yield();
  poller.Stop();
  thread.join();
  EXPECT(poller.stats().wakeups >= 5);
}

TEST("poller: a source's failure ends it, is reported, and rings") {
  Stream stream(500);
  EXPECT(stream.poller.Open() == 0);
  const auto sources = AddSources(&stream.poller, 1, 64);
  stream.Start();
  sources[0]->Fail(-EIO);
  EXPECT(stream.WaitForBell());
  EXPECT(stream.poller.error() == -EIO);
}

}  // namespace
}  // namespace bpf_ringbuf
