// Snapshots of buffers that are written meanwhile, by writers that do what the
// kernel does and need none: run under TSan and ASan too (make sanitize).
#include <linux/bpf.h>
#include <linux/perf_event.h>

#include <atomic>
#include <cstring>
#include <functional>
#include <random>
#include <thread>
#include <vector>

#include "core/batch.h"
#include "core/perf_snapshot.h"
#include "core/ring_snapshot.h"
#include "test.h"

namespace bpf_ringbuf {
namespace {

// So large that a copy takes as long as many writes.
constexpr size_t kWords = 1 << 17;
constexpr size_t kBytes = 8 * kWords;

// A record's words: its number in each, and in the first its length as well.
uint64_t WordOf(uint32_t number, size_t words) {
  return uint64_t{number} << 32 | words;
}

// The numbers of the records in a snapshot; nothing when one is torn.
std::vector<uint32_t> NumbersIn(const std::vector<uint64_t>& memory,
                                const Snapshot& snapshot) {
  std::vector<uint32_t> numbers;
  const auto* bytes = reinterpret_cast<const uint8_t*>(memory.data());
  for (size_t at = snapshot.begin_bytes; at < snapshot.end_bytes;) {
    FrameHeader frame;
    memcpy(&frame, bytes + at, sizeof(frame));
    uint64_t first;
    memcpy(&first, bytes + at + sizeof(frame), sizeof(first));
    const size_t words = first & UINT32_MAX;
    if (frame.stream != 0 || frame.length / 8 != words) return {};
    for (size_t i = 0; i < words; i++) {
      if (memcmp(bytes + at + sizeof(frame) + 8 * i, &first, 8) != 0) return {};
    }
    numbers.push_back(static_cast<uint32_t>(first >> 32));
    at += sizeof(frame) + (frame.length + 7) / 8 * 8;
  }
  return numbers;
}

bool Ascend(const std::vector<uint32_t>& numbers) {
  for (size_t i = 1; i < numbers.size(); i++) {
    if (numbers[i] <= numbers[i - 1]) return false;
  }
  return true;
}

// The part of kernel/bpf/ringbuf.c that overwrites, with one record in the
// making at most besides the one that is written.
class RingWriter {
 public:
  uint64_t Reserve(uint32_t length) {
    const uint64_t bytes = Aligned(length);
    const uint64_t begin = producer_;
    uint64_t pending = pending_;
    while (pending < begin) {
      const uint32_t header = HeaderAt(pending);
      if ((header & BPF_RINGBUF_BUSY_BIT) != 0) break;
      pending += Aligned(header & ~BPF_RINGBUF_DISCARD_BIT);
    }
    __atomic_store_n(&pending_, pending, __ATOMIC_RELEASE);
    if (begin + bytes - pending > kBytes) return kNone;
    uint64_t oldest = overwrite_;
    while (begin + bytes - oldest > kBytes) {
      oldest += Aligned(HeaderAt(oldest) & ~BPF_RINGBUF_DISCARD_BIT);
    }
    __atomic_store_n(&overwrite_, oldest, __ATOMIC_RELEASE);
    Store(begin, length | BPF_RINGBUF_BUSY_BIT);
    __atomic_store_n(&producer_, begin + bytes, __ATOMIC_RELEASE);
    return begin;
  }
  void Write(uint64_t position, uint32_t number, size_t words) {
    for (size_t i = 0; i < words; i++) {
      Store(position + 8 + 8 * i, WordOf(number, words));
    }
  }
  void Commit(uint64_t position, uint32_t flags = 0) {
    Store(position, (HeaderAt(position) & ~BPF_RINGBUF_BUSY_BIT) | flags);
  }
  // Records of this many words; false when there is no room.
  bool Submit(uint32_t number, size_t words) {
    const uint64_t position = Reserve(static_cast<uint32_t>(8 * words));
    if (position == kNone) return false;
    Write(position, number, words);
    Commit(position);
    return true;
  }

  OverwritingRing ring() const {
    return {&producer_, &pending_, &overwrite_,
            reinterpret_cast<const uint8_t*>(data_.data()), kBytes};
  }
  uint64_t written() const { return producer_; }

  static constexpr uint64_t kNone = UINT64_MAX;

 private:
  static uint64_t Aligned(uint32_t length) {
    return (uint64_t{length} + 8 + 7) / 8 * 8;
  }
  // A release, as the kernel's processor keeps the order of its stores.
  void Store(uint64_t position, uint64_t word) {
    __atomic_store_n(&data_[position / 8 % kWords], word, __ATOMIC_RELEASE);
  }
  uint32_t HeaderAt(uint64_t position) const {
    return static_cast<uint32_t>(data_[position / 8 % kWords]);
  }

  unsigned long producer_ = 0;
  unsigned long pending_ = 0;
  unsigned long overwrite_ = 0;
  std::vector<uint64_t> data_ = std::vector<uint64_t>(kWords);
};

// The part of kernel/events/ring_buffer.c that writes backward: a record is
// there before its position is told.
class BackwardWriter {
 public:
  explicit BackwardWriter(bool stamped = true) : stamped_(stamped) {}

  void Submit(uint32_t number, size_t words, uint64_t time_ns,
              bool publish = true) {
    const size_t bytes = (stamped_ ? 24 : 16) + 8 * words;
    next_ -= bytes;
    Store(next_, PERF_RECORD_SAMPLE | bytes << 48);
    uint64_t at = next_ + 8;
    if (stamped_) {
      Store(at, time_ns);
      at += 8;
    }
    // The data begins in the middle of a word.
    const uint64_t word = WordOf(number, words);
    Store(at, (8 * words + 4) | word << 32);
    for (size_t i = 0; i < words; i++) {
      Store(at + 8 + 8 * i, word >> 32 | (i + 1 < words ? word << 32 : 0));
    }
    if (publish) __atomic_store_n(&head_, next_, __ATOMIC_RELEASE);
  }

  BackwardBuffer buffer() const {
    return {&head_, reinterpret_cast<const uint8_t*>(data_.data()), kBytes};
  }
  uint64_t written() const { return 0 - head_; }

 private:
  void Store(uint64_t position, uint64_t word) {
    __atomic_store_n(&data_[position / 8 % kWords], word, __ATOMIC_RELEASE);
  }

  const bool stamped_;
  uint64_t head_ = 0;
  uint64_t next_ = 0;
  std::vector<uint64_t> data_ = std::vector<uint64_t>(kWords);
};

Snapshot TakeFrom(const RingWriter& writer, std::vector<uint64_t>* memory) {
  memory->resize(kWords);
  Snapshot snapshot;
  TakeRing(writer.ring(), reinterpret_cast<uint8_t*>(memory->data()),
           &snapshot);
  return snapshot;
}

Snapshot TakeFrom(const std::vector<const BackwardWriter*>& writers,
                  std::vector<uint64_t>* memory,
                  const TimeOf& time = {true, 0}) {
  static uint64_t largest_bytes = 0;
  memory->resize(kWords * writers.size());
  std::vector<uint64_t> scratch(memory->size());
  std::vector<BackwardCopy> copies(writers.size());
  Snapshot snapshot;
  for (size_t i = 0; i < writers.size(); i++) {
    auto* into = reinterpret_cast<uint8_t*>(scratch.data() + i * kWords);
    copies[i].Take(writers[i]->buffer(), time, into, &largest_bytes);
    snapshot.overwritten_bytes += copies[i].overwritten_bytes();
  }
  snapshot.end_bytes =
      MergeSamples(&copies, reinterpret_cast<uint8_t*>(memory->data()));
  return snapshot;
}

TEST("ring snapshot: has all records, then the newest, and where they begin") {
  RingWriter writer;
  std::vector<uint64_t> memory;
  Snapshot snapshot = TakeFrom(writer, &memory);
  EXPECT(snapshot.begin_bytes == snapshot.end_bytes);
  EXPECT(snapshot.record_bytes == 0);
  constexpr size_t kFit = kBytes / 32;
  for (uint32_t i = 0; i < kFit; i++) EXPECT(writer.Submit(i, 3));
  snapshot = TakeFrom(writer, &memory);
  EXPECT(NumbersIn(memory, snapshot).size() == kFit);
  EXPECT(snapshot.overwritten_bytes == 0);
  EXPECT(snapshot.record_bytes == 32);
  for (uint32_t i = kFit; i < 5 * kFit + 7; i++) EXPECT(writer.Submit(i, 3));
  snapshot = TakeFrom(writer, &memory);
  const std::vector<uint32_t> numbers = NumbersIn(memory, snapshot);
  EXPECT(numbers.size() == kFit);
  EXPECT(numbers.front() == 4 * kFit + 7);
  EXPECT(numbers.back() == 5 * kFit + 6);
  EXPECT(snapshot.overwritten_bytes == 32 * numbers.front());
  EXPECT(writer.Submit(0, 4));
  EXPECT(TakeFrom(writer, &memory).record_bytes == Snapshot::kDifferent);
}

TEST("ring snapshot: leaves out what is discarded or being written") {
  RingWriter writer;
  std::vector<uint64_t> memory;
  for (uint32_t i = 0; i < 4; i++) writer.Submit(i, 3);
  const uint64_t discarded = writer.Reserve(24);
  writer.Commit(discarded, BPF_RINGBUF_DISCARD_BIT);
  writer.Submit(5, 3);
  const uint64_t busy = writer.Reserve(24);
  writer.Write(busy, 6, 3);
  writer.Submit(7, 3);
  const uint64_t late = writer.Reserve(24);
  writer.Commit(late, BPF_RINGBUF_DISCARD_BIT);
  writer.Submit(9, 3);
  EXPECT(NumbersIn(memory, TakeFrom(writer, &memory)) ==
         (std::vector<uint32_t>{0, 1, 2, 3, 5, 7, 9}));
  writer.Commit(busy);
  EXPECT(NumbersIn(memory, TakeFrom(writer, &memory)) ==
         (std::vector<uint32_t>{0, 1, 2, 3, 5, 6, 7, 9}));
}

TEST(
    "ring snapshot: a record that stays busy stops the writer, not the "
    "reader") {
  RingWriter writer;
  std::vector<uint64_t> memory;
  const uint64_t busy = writer.Reserve(24);
  uint32_t number = 0;
  while (writer.Submit(number, 3)) number++;
  EXPECT(NumbersIn(memory, TakeFrom(writer, &memory)).size() == number);
  writer.Write(busy, 0, 3);
  writer.Commit(busy);
  EXPECT(writer.Submit(number, 3));
  EXPECT(NumbersIn(memory, TakeFrom(writer, &memory)).size() == number + 1);
}

TEST(
    "perf snapshot: has all records, then the newest ones but for the oldest "
    "part") {
  BackwardWriter writer;
  std::vector<uint64_t> memory;
  EXPECT(TakeFrom({&writer}, &memory).end_bytes == 0);
  constexpr uint32_t kFew = kBytes / 48 / 2;
  for (uint32_t i = 0; i < kFew; i++) writer.Submit(i, 3, i);
  Snapshot snapshot = TakeFrom({&writer}, &memory);
  EXPECT(NumbersIn(memory, snapshot).size() == kFew);
  EXPECT(snapshot.overwritten_bytes == 0);
  for (uint32_t i = kFew; i < 10 * kFew; i++) writer.Submit(i, 3, i);
  snapshot = TakeFrom({&writer}, &memory);
  const std::vector<uint32_t> numbers = NumbersIn(memory, snapshot);
  EXPECT(numbers.size() == kBytes / 16 * 15 / 48);
  EXPECT(numbers.back() == 10 * kFew - 1);
  EXPECT(Ascend(numbers));
  EXPECT(snapshot.overwritten_bytes == 48 * numbers.front());
}

TEST(
    "perf snapshot: what is being written over the oldest records tears none") {
  BackwardWriter writer;
  std::vector<uint64_t> memory;
  for (uint32_t i = 0; i < kWords; i++) writer.Submit(i, 3 + i % 5, i);
  // Four contexts that have interrupted one another.
  for (uint32_t i = 0; i < 4; i++) writer.Submit(0, 100, 0, false);
  const std::vector<uint32_t> numbers =
      NumbersIn(memory, TakeFrom({&writer}, &memory));
  EXPECT(!numbers.empty() && numbers.back() == kWords - 1);
  EXPECT(Ascend(numbers));
}

TEST("perf snapshot: merges by the time in the data") {
  BackwardWriter first(false);
  BackwardWriter second(false);
  std::vector<uint64_t> memory;
  // Each word of the data is greater when the number is.
  for (const uint32_t number : {1, 3, 6}) first.Submit(number, 2, 0);
  for (const uint32_t number : {2, 4, 5}) second.Submit(number, 2, 0);
  EXPECT(NumbersIn(memory, TakeFrom({&first, &second}, &memory, {false, 8})) ==
         (std::vector<uint32_t>{1, 2, 3, 4, 5, 6}));
}

TEST("perf snapshot: merges by time, and keeps the order of each buffer") {
  BackwardWriter first;
  BackwardWriter second;
  std::vector<uint64_t> memory;
  first.Submit(1, 2, 10);
  first.Submit(2, 2, 30);
  first.Submit(3, 2, 20);  // its write was interrupted by that of 2
  second.Submit(4, 2, 5);
  second.Submit(5, 2, 25);
  second.Submit(6, 2, 40);
  EXPECT(NumbersIn(memory, TakeFrom({&first, &second}, &memory)) ==
         (std::vector<uint32_t>{4, 1, 5, 2, 3, 6}));
}

// Takes snapshots while a thread writes records of many sizes as fast as it
// can.
void TakeWhileWriting(
    const std::function<void(uint32_t, size_t)>& submit,
    const std::function<Snapshot(std::vector<uint64_t>*)>& take) {
  std::atomic<bool> stop = false;
  std::thread writer([&] {
    std::minstd_rand random(1);
    for (uint32_t number = 0; !stop; number++)
      submit(number, 1 + random() % 60);
  });
  std::vector<uint64_t> memory;
  uint64_t overwritten = 0;
  uint32_t newest = 0;
  // Those between which nothing was written do not count.
  for (int moved = 0; moved < 150;) {
    const Snapshot snapshot = take(&memory);
    const bool some = snapshot.end_bytes > snapshot.begin_bytes;
    const std::vector<uint32_t> numbers = NumbersIn(memory, snapshot);
    EXPECT(numbers.empty() != some);
    EXPECT(Ascend(numbers));
    EXPECT(snapshot.overwritten_bytes >= overwritten);
    moved += snapshot.overwritten_bytes > overwritten ? 1 : 0;
    overwritten = snapshot.overwritten_bytes;
    if (some && !numbers.empty()) {
      EXPECT(numbers.back() >= newest);
      newest = numbers.back();
    }
    if (!test::Failures().empty()) break;
  }
  stop = true;
  writer.join();
}

TEST("ring snapshot: is never torn while a thread writes") {
  RingWriter writer;
  std::minstd_rand random(2);
  TakeWhileWriting(
      [&](uint32_t number, size_t words) {
        if (random() % 16 == 0) {
          writer.Commit(writer.Reserve(24), BPF_RINGBUF_DISCARD_BIT);
        }
        writer.Submit(number, words);
      },
      [&](std::vector<uint64_t>* memory) { return TakeFrom(writer, memory); });
}

TEST("perf snapshot: is never torn while a thread writes") {
  BackwardWriter writer;
  TakeWhileWriting([&](uint32_t number,
                       size_t words) { writer.Submit(number, words, number); },
                   [&](std::vector<uint64_t>* memory) {
                     return TakeFrom({&writer}, memory);
                   });
}

}  // namespace
}  // namespace bpf_ringbuf
