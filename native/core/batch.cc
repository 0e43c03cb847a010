#include "core/batch.h"

#include <errno.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstring>

namespace bpf_ringbuf {

namespace {

size_t Aligned(size_t bytes) { return (bytes + 7) & ~static_cast<size_t>(7); }

}  // namespace

std::shared_ptr<Arena> Arena::Map(size_t size_bytes) {
  void* data = mmap(nullptr, size_bytes, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (data == MAP_FAILED) return nullptr;
  return std::shared_ptr<Arena>(
      new Arena(static_cast<uint8_t*>(data), size_bytes));
}

std::shared_ptr<Arena> Arena::MapShared(int fd, size_t size_bytes, int* error) {
  void* data =
      mmap(nullptr, size_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (data == MAP_FAILED) {
    *error = -errno;
    return nullptr;
  }
  return std::shared_ptr<Arena>(
      new Arena(static_cast<uint8_t*>(data), size_bytes));
}

Arena::~Arena() { munmap(data_, size_bytes_); }

bool Batch::Reserve(size_t record_bytes) {
  const size_t needed =
      soft_limit_bytes_ +
      std::max(sizeof(FrameHeader) + Aligned(record_bytes), kMarginBytes);
  if (arena_ != nullptr && arena_->size_bytes() >= needed) return true;
  std::shared_ptr<Arena> arena = Arena::Map(needed);
  if (arena == nullptr) return false;
  arena_ = std::move(arena);
  generation_++;
  return true;
}

bool Batch::Append(uint32_t stream, const void* record, uint32_t length) {
  if (!AppendFrame(stream, record, length)) return false;
  records_++;
  record_bytes_ += length;
  return true;
}

bool Batch::AppendLost(uint32_t stream, uint64_t lost) {
  return AppendFrame(stream | kLostFrame, &lost, sizeof(lost));
}

bool Batch::AppendFrame(uint32_t stream, const void* bytes, uint32_t length) {
  const size_t end = size_bytes_ + sizeof(FrameHeader) + Aligned(length);
  if (end > arena_->size_bytes()) return false;
  uint8_t* frame = arena_->data() + size_bytes_;
  const FrameHeader header = {length, stream};
  memcpy(frame, &header, sizeof(header));
  memcpy(frame + sizeof(header), bytes, length);
  size_bytes_ = end;
  return true;
}

void Batch::Clear() {
  // What only an outsized record touched goes back to the system.
  if (size_bytes_ > window_bytes()) {
    madvise(arena_->data(), arena_->size_bytes(), MADV_DONTNEED);
  }
  size_bytes_ = 0;
  records_ = 0;
  record_bytes_ = 0;
}

size_t Batch::window_bytes() const { return soft_limit_bytes_ + kMarginBytes; }

}  // namespace bpf_ringbuf
