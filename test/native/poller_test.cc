// The hand-off between the poll thread and another one, with a source that
// needs no kernel support: run under TSan and ASan too (make sanitize).
#include "core/poller.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
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

  int Drain(Batch* batch, bool ready_only, SourceDrain* drained) override {
    (void)ready_only;
    drains++;
    if (error_ != 0) return error_;
    if (busy_) SpinFor(std::chrono::microseconds(5));
    uint64_t ignored;
    if (!busy_) (void)!read(event_fd_, &ignored, sizeof(ignored));
    uint64_t next = consumed_.load();
    while (next < produced_.load() && !batch->full()) {
      batch->Append(stream_, &next, sizeof(next));
      consumed_ = ++next;
      drained->consumed_bytes += 16;
    }
    // Level-triggered: still readable when something is left.
    if (next < produced_.load() && signals_rest_) Signal();
    return 0;
  }

  uint64_t consumed() const { return consumed_; }

  size_t capacity_bytes() const override { return capacity_ * 16; }
  uint64_t coalesce_bytes() const override { return capacity_ * 4; }
  SourceState state() const override {
    return {capacity_ * 16, {{consumed_ * 16, produced_ * 16}}, {}, 0, 0};
  }

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
  explicit Stream(uint32_t coalesce_us, uint32_t batch_count = 3,
                  uint32_t batch_bytes = 4096)
      : poller({coalesce_us, batch_bytes, batch_count}, [this] { Ring(); }) {}

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

struct RaceOptions {
  uint32_t coalesce_us;
  uint32_t source_count;
  uint64_t capacity;
  uint64_t each;  // records into each source
  uint32_t seed;
  bool drain_too = false;
  uint32_t batch_count = 3;
  // How many batches are lent at once; batch_count makes the poller starve.
  size_t lent_at_once = 1;
};

// Makes `each` records, in bursts.
void ProduceAll(FakeSource* source, uint64_t each, uint32_t seed) {
  std::mt19937 random(seed);
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
      std::this_thread::sleep_for(std::chrono::microseconds(random() % 100));
    }
  }
}

// Produces into each source and receives all.
void Race(const RaceOptions& options) {
  Stream stream(options.coalesce_us, options.batch_count);
  EXPECT(stream.poller.Open() == 0);
  const auto sources =
      AddSources(&stream.poller, options.source_count, options.capacity);
  stream.Start();

  std::vector<std::thread> producers;
  for (uint32_t i = 0; i < options.source_count; i++) {
    producers.emplace_back(ProduceAll, sources[i], options.each,
                           options.seed + i);
  }

  const uint64_t all = options.each * options.source_count;
  Sequence sequence(options.source_count);
  std::mt19937 random(options.seed);
  std::vector<Batch*> lent;
  const auto give_back = [&] {
    std::shuffle(lent.begin(), lent.end(), random);
    for (Batch* batch : lent) stream.poller.GiveBack(batch);
    lent.clear();
  };
  bool in_order = true;
  while (sequence.received < all) {
    if (!stream.WaitForBell()) {
      EXPECT(!"a bell within ten seconds");
      break;
    }
    if (options.drain_too && random() % 3 == 0) {
      bool more;
      EXPECT(stream.poller.Drain(&more) >= 0);
    }
    while (Batch* batch = stream.poller.Take()) {
      in_order = sequence.Check(*batch) && in_order;
      if (random() % 16 == 0) {
        std::this_thread::sleep_for(std::chrono::microseconds(50));
      }
      lent.push_back(batch);
      if (lent.size() >= options.lent_at_once) give_back();
    }
    give_back();
  }
  for (auto& producer : producers) producer.join();
  stream.Stop();
  EXPECT(in_order);
  EXPECT(sequence.received == all);
  EXPECT(stream.poller.stats().records == all);
}

TEST("poller: every record arrives once, in order, coalesced") {
  Race({500, 1, 4096, 200000, 1});
}

TEST("poller: every record arrives once, in order, not coalesced") {
  Race({0, 1, 4096, 100000, 2});
}

TEST("poller: several sources and a small buffer") {
  Race({200, 3, 64, 30000, 3});
}

TEST("poller: the other thread drains too") {
  Race({200, 2, 1024, 50000, 4, true});
}

TEST("poller: one batch, coalesced") {
  Race({100, 1, 4096, 50000, 5, false, 1});
}

TEST("poller: batches come back late, together and in any order") {
  Race({0, 2, 1024, 50000, 6, false, 4, 4});
}

TEST("poller: batches come back late, and the other thread drains too") {
  Race({200, 2, 1024, 50000, 7, true, 2, 2});
}

TEST("poller: a batch that comes back as it runs out of them is not missed") {
  constexpr uint64_t kRecords = 200000;
  Stream stream(0, 1, 64);
  EXPECT(stream.poller.Open() == 0);
  FakeSource* source = AddSources(&stream.poller, 1, kRecords)[0];
  for (uint64_t i = 0; i < kRecords; i++) source->Produce();
  stream.Start();
  Sequence sequence(1);
  std::mt19937 random(8);
  bool in_order = true;
  const auto deadline =
      std::chrono::steady_clock::now() + std::chrono::seconds(20);
  // Without the bell, which takes longer than what is raced.
  while (sequence.received < kRecords &&
         std::chrono::steady_clock::now() < deadline) {
    Batch* batch = stream.poller.Take();
    if (batch == nullptr) continue;
    in_order = sequence.Check(*batch) && in_order;
    for (volatile uint32_t spin = random() % 512; spin > 0;) spin = spin - 1;
    stream.poller.GiveBack(batch);
  }
  EXPECT(in_order);
  EXPECT(sequence.received == kRecords);
}

// Stops at a random moment: before the first record, in a wait for records, for
// a batch or for more to coalesce, in a drain, while a batch comes back.
TEST("poller: stopped at any moment, what was taken from a source is there") {
  for (uint32_t seed = 0; seed < 300; seed++) {
    std::mt19937 random(seed);
    const uint32_t coalesce_us = random() % 3 * 300;
    const uint32_t batch_count = 1 + random() % 3;
    const auto life = std::chrono::microseconds(random() % 2000);
    Stream stream(coalesce_us, batch_count);
    EXPECT(stream.poller.Open() == 0);
    FakeSource* source = AddSources(&stream.poller, 1, 2048)[0];
    stream.Start();

    std::atomic<bool> ended{false};
    std::thread producer([source, &ended] {
      while (!ended) {
        if (!source->Produce()) std::this_thread::yield();
      }
    });
    std::thread stopper([&stream, life] {
      std::this_thread::sleep_for(life);
      stream.poller.Stop();
    });

    Sequence sequence(1);
    bool in_order = true;
    const auto end = std::chrono::steady_clock::now() + life;
    while (std::chrono::steady_clock::now() < end) {
      Batch* batch = stream.poller.Take();
      if (batch == nullptr) continue;
      in_order = sequence.Check(*batch) && in_order;
      if (random() % 4 == 0) std::this_thread::yield();
      stream.poller.GiveBack(batch);
    }
    stream.Stop();
    stopper.join();
    ended = true;
    producer.join();
    while (Batch* batch = stream.poller.Take()) {
      in_order = sequence.Check(*batch) && in_order;
    }
    EXPECT(in_order);
    EXPECT(sequence.received == source->consumed());
    EXPECT(sequence.received == stream.poller.stats().records);
  }
}

TEST("poller: sources come while it runs and statistics are read") {
  constexpr uint32_t kSources = 16;
  constexpr uint64_t kEach = 5000;
  Stream stream(200);
  EXPECT(stream.poller.Open() == 0);
  stream.Start();

  std::atomic<bool> ended{false};
  bool grows = true;
  std::thread statistician([&] {
    PollerStats last = {};
    while (!ended) {
      const PollerStats stats = stream.poller.stats();
      grows = grows && stats.records >= last.records &&
              stats.bytes >= last.bytes && stats.batches >= last.batches &&
              stream.poller.source_count() <= kSources;
      last = stats;
    }
  });

  Sequence sequence(kSources);
  bool in_order = true;
  std::vector<std::thread> producers;
  while (sequence.received < kEach * kSources) {
    const auto index = static_cast<uint32_t>(producers.size());
    if (index < kSources) {
      auto source = std::make_unique<FakeSource>(index, 64 << index % 8);
      producers.emplace_back(ProduceAll, source.get(), kEach, index);
      EXPECT(stream.poller.Add(std::move(source)) == 0);
    }
    if (!stream.WaitForBell()) {
      EXPECT(!"a bell within ten seconds");
      break;
    }
    while (Batch* batch = stream.poller.Take()) {
      in_order = sequence.Check(*batch) && in_order;
      stream.poller.GiveBack(batch);
    }
  }
  for (auto& producer : producers) producer.join();
  ended = true;
  statistician.join();
  EXPECT(in_order);
  EXPECT(grows);
  EXPECT(stream.poller.stats().records == kEach * kSources);
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

TEST("poller: the interval of a source that came later drains it") {
  Poller poller({0, 4096, 2}, [] {});
  EXPECT(poller.Open() == 0);
  std::thread thread([&poller] { poller.Run(); });
  auto source = std::make_unique<FakeSource>(0, 64);
  FakeSource* added = source.get();
  EXPECT(poller.Add(std::move(source), 20000) == 0);
  while (added->drains < 5) std::this_thread::yield();
  poller.Stop();
  thread.join();
  EXPECT(poller.stats().wakeups >= 5);
}

TEST("poller: a mark is reached with the batch that has the last of it") {
  Stream stream(0);
  EXPECT(stream.poller.Open() == 0);
  const auto sources = AddSources(&stream.poller, 2, 1 << 20);
  const uint32_t nothing = stream.poller.Mark();
  EXPECT(stream.poller.MarkReached(nothing) == 0);
  sources[0]->ProduceBehind(300);  // a batch holds 256
  sources[1]->ProduceBehind(10);
  const uint32_t mark = stream.poller.Mark();
  sources[0]->ProduceBehind(300);
  bool more;
  EXPECT(stream.poller.Drain(&more) == 256);
  EXPECT(stream.poller.MarkReached(mark) == -1);
  EXPECT(stream.poller.Drain(&more) == 256);
  EXPECT(stream.poller.MarkReached(mark) == 2);
  EXPECT(stream.poller.Drain(&more) == 98);
  EXPECT(stream.poller.MarkReached(mark) == 2);
  stream.poller.Unmark(mark);
  EXPECT(stream.poller.MarkReached(mark) == -1);
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
