#include "core/batch.h"

#include <cstring>
#include <vector>

#include "test.h"

namespace bpf_ringbuf {
namespace {

constexpr size_t kSoftLimit = 4096;

FrameHeader HeaderAt(const Batch& batch, size_t offset) {
  FrameHeader header;
  memcpy(&header, batch.arena()->data() + offset, sizeof(header));
  return header;
}

TEST("batch: frames are 8-aligned and carry length and stream") {
  Batch batch(0, kSoftLimit);
  EXPECT(batch.Reserve(64));
  EXPECT(batch.Append(StreamOf(3, 7), "abcde", 5));
  EXPECT(batch.Append(StreamOf(0, 0), "12345678", 8));
  EXPECT(batch.size_bytes() == 16 + 16);
  EXPECT(batch.records() == 2);
  EXPECT(batch.record_bytes() == 13);
  EXPECT(HeaderAt(batch, 0).length == 5);
  EXPECT(HeaderAt(batch, 0).stream == (3u << 16 | 7u));
  EXPECT(memcmp(batch.arena()->data() + 8, "abcde", 5) == 0);
  EXPECT(HeaderAt(batch, 16).length == 8);
}

TEST("batch: an empty record takes a header only") {
  Batch batch(0, kSoftLimit);
  EXPECT(batch.Reserve(64));
  EXPECT(batch.Append(0, "", 0));
  EXPECT(batch.size_bytes() == 8);
}

TEST("batch: the record that crosses the soft limit goes in") {
  Batch batch(0, kSoftLimit);
  const std::vector<uint8_t> record(1 << 20, 0x5a);
  EXPECT(batch.Reserve(record.size()));
  EXPECT(batch.Append(0, record.data(), kSoftLimit - 8 - 8));
  EXPECT(!batch.full());
  EXPECT(batch.Append(0, record.data(), static_cast<uint32_t>(record.size())));
  EXPECT(batch.full());
  EXPECT(batch.size_bytes() > batch.window_bytes());
  EXPECT(batch.arena()->data()[batch.size_bytes() - 1] == 0x5a);
}

TEST("batch: a record beyond the arena is refused and leaves no trace") {
  Batch batch(0, kSoftLimit);
  EXPECT(batch.Reserve(64));
  const std::vector<uint8_t> record(batch.arena()->size_bytes());
  EXPECT(!batch.Append(0, record.data(), static_cast<uint32_t>(record.size())));
  EXPECT(batch.size_bytes() == 0);
  EXPECT(batch.records() == 0);
}

TEST("batch: a larger reservation is a new generation of the arena") {
  Batch batch(0, kSoftLimit);
  EXPECT(batch.Reserve(64));
  const std::shared_ptr<Arena> first = batch.arena();
  EXPECT(batch.Reserve(1024));
  EXPECT(batch.generation() == 1);
  EXPECT(batch.Reserve(1 << 20));
  EXPECT(batch.generation() == 2);
  EXPECT(batch.arena() != first);
  first->data()[0] = 1;  // still mapped: JavaScript may be reading it
}

TEST("batch: clearing forgets the records") {
  Batch batch(0, kSoftLimit);
  EXPECT(batch.Reserve(1 << 20));
  const std::vector<uint8_t> record(1 << 20, 1);
  EXPECT(batch.Append(0, record.data(), static_cast<uint32_t>(record.size())));
  batch.Clear();
  EXPECT(batch.size_bytes() == 0);
  EXPECT(batch.records() == 0);
  EXPECT(batch.record_bytes() == 0);
  EXPECT(batch.Append(0, "x", 1));
}

}  // namespace
}  // namespace bpf_ringbuf
