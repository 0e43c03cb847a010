#include "core/coalescer.h"

#include "test.h"

namespace bpf_ringbuf {
namespace {

constexpr uint32_t kCoalesceUs = 500;
constexpr int64_t kUs = 1000;
constexpr uint64_t kNoLimit = UINT64_MAX;

TEST("coalescer: an idle ring's record does not wait") {
  Coalescer coalescer(kCoalesceUs);
  EXPECT(coalescer.Next(1000000 * kUs, 1, 16, kNoLimit) == Coalescer::kBlock);
}

TEST("coalescer: a few records a millisecond do not wait") {
  Coalescer coalescer(kCoalesceUs);
  int64_t now = 0;
  for (int i = 0; i < 1000; i++) {
    now += 250 * kUs;
    EXPECT(coalescer.Next(now, 1, 16, kNoLimit) == Coalescer::kBlock);
  }
}

TEST("coalescer: under load the wait doubles up to its limit") {
  Coalescer coalescer(kCoalesceUs);
  int64_t now = 1000000 * kUs;
  int64_t last = 0;
  for (int i = 0; i < 10; i++) {
    const int64_t wait = coalescer.Next(now, 1000, 16000, kNoLimit);
    EXPECT(wait > 0);
    EXPECT(wait <= kCoalesceUs * kUs);
    EXPECT(i == 0 || wait == kCoalesceUs * kUs || wait == 2 * last);
    last = wait;
    now += wait + 10 * kUs;
  }
  EXPECT(last == kCoalesceUs * kUs);
}

TEST("coalescer: records one by one in quick succession are load") {
  Coalescer coalescer(kCoalesceUs);
  int64_t now = 1000000 * kUs;
  int64_t wait = Coalescer::kBlock;
  for (int i = 0; i < 10 && wait == Coalescer::kBlock; i++) {
    now += 10 * kUs;
    wait = coalescer.Next(now, 1, 16, kNoLimit);
  }
  EXPECT(wait > 0);
}

TEST("coalescer: a drain that found nothing ends the waiting") {
  Coalescer coalescer(kCoalesceUs);
  int64_t now = 1000000 * kUs;
  EXPECT(coalescer.Next(now, 1000, 16000, kNoLimit) > 0);
  now += 40 * kUs;
  EXPECT(coalescer.Next(now, 0, 0, kNoLimit) == Coalescer::kBlock);
}

TEST("coalescer: discarded records are load too") {
  Coalescer coalescer(kCoalesceUs);
  int64_t now = 1000000 * kUs;
  int64_t wait = Coalescer::kBlock;
  for (int i = 0; i < 10 && wait == Coalescer::kBlock; i++) {
    now += 10 * kUs;
    wait = coalescer.Next(now, 0, 4096, kNoLimit);
  }
  EXPECT(wait > 0);
}

TEST("coalescer: the wait ends before the limit is filled") {
  Coalescer coalescer(kCoalesceUs);
  const uint64_t limit = 64 * 1024;
  int64_t now = 1000000 * kUs;
  int64_t wait = 10 * kUs;
  // 1 byte a ns: the limit fills in 65 us.
  for (int i = 0; i < 50; i++) {
    now += wait;
    const int64_t next =
        coalescer.Next(now, 1000, static_cast<uint64_t>(wait), limit);
    EXPECT(next >= 0);
    EXPECT(next <= static_cast<int64_t>(limit));
    wait = next + 10 * kUs;
  }
}

TEST("coalescer: a ring that fills within microseconds is drained at once") {
  Coalescer coalescer(kCoalesceUs);
  const int64_t now = 1000000 * kUs;
  coalescer.Next(now, 100, 4096, 1024);
  EXPECT(coalescer.Next(now + kUs, 100, 4096, 1024) == 0);
}

TEST("coalescer: 0 switches it off") {
  Coalescer coalescer(0);
  EXPECT(coalescer.Next(kUs, 1000000, 1 << 20, kNoLimit) == Coalescer::kBlock);
}

TEST("coalescer: a wake-up by the producers that is soon due is left to them") {
  Coalescer coalescer(kCoalesceUs);
  int64_t now = 1000000 * kUs;
  // 16 bytes a ns: 8000 have gathered long before coalesce_us is over.
  EXPECT(coalescer.Next(now, 1000, 16000, kNoLimit, 8000) ==
         Coalescer::kBlockBriefly);
  now += 1000 * kUs;
  EXPECT(coalescer.Next(now, 1000, 16000, kNoLimit, 8000) ==
         Coalescer::kBlockBriefly);
}

TEST("coalescer: a wake-up by the producers that is far is not waited for") {
  Coalescer coalescer(kCoalesceUs);
  int64_t now = 1000000 * kUs;
  for (int i = 0; i < 5; i++) {
    const int64_t wait = coalescer.Next(now, 100, 1600, kNoLimit, 1 << 20);
    EXPECT(wait > 0);
    now += kCoalesceUs * kUs;
  }
}

TEST("coalescer: a few records do not wait, whoever wakes") {
  Coalescer coalescer(kCoalesceUs);
  EXPECT(coalescer.Next(1000000 * kUs, 1, 16, kNoLimit, 8000) ==
         Coalescer::kBlock);
}

}  // namespace
}  // namespace bpf_ringbuf
