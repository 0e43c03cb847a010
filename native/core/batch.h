// Arenas of records and their framing.
#ifndef BPF_RINGBUF_NATIVE_CORE_BATCH_H_
#define BPF_RINGBUF_NATIVE_CORE_BATCH_H_

#include <cstddef>
#include <cstdint>
#include <memory>

namespace bpf_ringbuf {

// Stands before each record in a batch; the record's bytes follow, padded to a
// multiple of 8 bytes, so that every header and every record is 8-aligned.
// lib/stream/batch.ts reads this layout.
struct FrameHeader {
  uint32_t length;  // of the record in bytes, without header and padding
  uint32_t stream;  // (source index << 16) | CPU; the CPU is 0 for rings
};
// In FrameHeader::stream: no record but, as 64 bits, the number of those that
// the kernel dropped between the record before and the one after.
constexpr uint32_t kLostFrame = 1u << 31;
static_assert(sizeof(FrameHeader) == 8,
              "lib/stream/batch.ts relies on 8 bytes");

inline uint32_t StreamOf(uint32_t source, uint32_t cpu) {
  return source << 16 | cpu;
}

// Mapped memory, which native code and the JavaScript ArrayBuffers that show it
// share; unmapped after the last of them.
class Arena {
 public:
  // Private and anonymous; untouched pages cost nothing. Null when out of
  // memory.
  static std::shared_ptr<Arena> Map(size_t size_bytes);
  // What a descriptor stands for, to read and to write. Null, with *error set
  // to -errno, when that cannot be.
  static std::shared_ptr<Arena> MapShared(int fd, size_t size_bytes,
                                          int* error);
  ~Arena();
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  uint8_t* data() const { return data_; }
  size_t size_bytes() const { return size_bytes_; }

 private:
  Arena(uint8_t* data, size_t size_bytes)
      : data_(data), size_bytes_(size_bytes) {}

  uint8_t* const data_;
  const size_t size_bytes_;
};

// Records copied out of the kernel's buffers, framed one after another. Not
// thread-safe: it belongs to the poll thread while open and to the JavaScript
// thread while lent; Poller's queue hands it over.
class Batch {
 public:
  // A batch is full once `soft_limit_bytes`, rounded up to a multiple of 8, are
  // used; the record that crosses the limit still goes in.
  Batch(uint32_t index, size_t soft_limit_bytes)
      : index_(index), soft_limit_bytes_((soft_limit_bytes + 7) / 8 * 8) {}

  // Makes room for one record of `record_bytes` beyond the soft limit. Call
  // while empty. False when out of memory; the batch keeps what it had.
  bool Reserve(size_t record_bytes);

  // Copies one record in. False, and nothing is stored, when it does not fit.
  bool Append(uint32_t stream, const void* record, uint32_t length);

  // Stores that `lost` records were dropped by the kernel.
  bool AppendLost(uint32_t stream, uint64_t lost);

  void Clear();

  bool full() const { return size_bytes_ >= soft_limit_bytes_; }
  uint32_t index() const { return index_; }
  // Whether JavaScript has it; for its thread alone.
  bool lent() const { return lent_; }
  void set_lent(bool lent) { lent_ = lent; }
  // Counts the arenas this batch has had: an ArrayBuffer over an earlier one
  // is stale.
  uint32_t generation() const { return generation_; }
  size_t size_bytes() const { return size_bytes_; }
  uint32_t records() const { return records_; }
  // Bytes of the records alone, without headers and padding.
  uint64_t record_bytes() const { return record_bytes_; }
  const std::shared_ptr<Arena>& arena() const { return arena_; }
  // The part of the arena that JavaScript maps. Longer contents (one record
  // larger than the margin) are copied out instead.
  size_t window_bytes() const;

 private:
  bool AppendFrame(uint32_t stream, const void* bytes, uint32_t length);

  // Room beyond the soft limit that JavaScript maps.
  static constexpr size_t kMarginBytes = 64 * 1024;

  const uint32_t index_;
  const size_t soft_limit_bytes_;
  bool lent_ = false;
  std::shared_ptr<Arena> arena_;
  uint32_t generation_ = 0;
  size_t size_bytes_ = 0;
  uint32_t records_ = 0;
  uint64_t record_bytes_ = 0;
};

}  // namespace bpf_ringbuf

#endif  // BPF_RINGBUF_NATIVE_CORE_BATCH_H_
