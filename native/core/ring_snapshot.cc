#include "core/ring_snapshot.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <iterator>

#include "core/batch.h"

namespace bpf_ringbuf {

namespace {

// How often a ring that was overwritten while it was copied is copied again.
constexpr int kAttempts = 64;
// What is copied between two looks at what was overwritten: the smaller, the
// less is given up when it was.
constexpr size_t kPieceBytes = 4096;

// What a record with this header takes in the ring; its length is below 2^30.
uint64_t RecordBytes(uint32_t header) {
  constexpr uint32_t kFlags = BPF_RINGBUF_BUSY_BIT | BPF_RINGBUF_DISCARD_BIT;
  return (uint64_t{header & ~kFlags} + BPF_RINGBUF_HDR_SZ + 7) & ~uint64_t{7};
}

// One attempt, with frames where records were: a record's header has the size
// of a frame's.
class RingCopy {
 public:
  RingCopy(const OverwritingRing& ring, uint8_t* into)
      : ring_(ring), into_(into) {}

  // False when all of it was overwritten meanwhile.
  bool Take(Snapshot* snapshot) {
    // In this order: each only runs ahead.
    const uint64_t pending = LoadAcquire(ring_.pending);
    const uint64_t end = LoadAcquire(ring_.producer);
    first_ = LoadAcquire(ring_.overwrite);
    if (first_ > end || end - first_ > ring_.size_bytes) return false;
    start_ = first_;
    const uint64_t committed = std::clamp(pending, first_, end);
    if (!KeepCommitted(committed)) return false;
    if (!KeepOthers(std::max(start_, committed), end)) return false;
    if (start_ >= end && end != first_) return false;
    snapshot->begin_bytes = begin_;
    snapshot->end_bytes = end_;
    snapshot->overwritten_bytes = start_;
    snapshot->record_bytes = sizes_.record_bytes;
    return true;
  }

 private:
  // Records up to `end`, all of them committed: copied first, then looked at.
  bool KeepCommitted(uint64_t end) {
    uint64_t position = first_;
    while (position < end) {
      const size_t bytes = std::min<uint64_t>(kPieceBytes, end - position);
      Copy(into_ + (position - first_), position, bytes);
      const uint64_t oldest = LoadAcquire(ring_.overwrite);
      if (oldest > position) start_ = oldest;
      position = std::max(oldest, position + bytes);
    }
    begin_ = end_ = std::min(start_, end) - first_;
    for (position = start_; position < end;) {
      uint32_t header;
      memcpy(&header, into_ + (position - first_), sizeof(header));
      const uint64_t bytes = RecordBytes(header);
      if (bytes > end - position) return false;
      Keep(header, into_ + (position - first_), bytes);
      position += bytes;
    }
    return true;
  }

  // Records from `position` to `end`, of which some are being written: looked
  // at, then copied.
  bool KeepOthers(uint64_t position, uint64_t end) {
    while (position < end) {
      const auto* live = reinterpret_cast<const uint32_t*>(
          ring_.data + (position & (ring_.size_bytes - 1)));
      const uint32_t header = __atomic_load_n(live, __ATOMIC_ACQUIRE);
      const uint64_t bytes = RecordBytes(header);
      const bool fits = bytes <= end - position;
      const bool busy = (header & BPF_RINGBUF_BUSY_BIT) != 0;
      if (fits && !busy) Copy(into_ + end_, position, bytes);
      const uint64_t oldest = LoadAcquire(ring_.overwrite);
      if (oldest > position) {
        // What was kept is older still, and there would be a gap.
        begin_ = end_ = 0;
        sizes_ = {};
        start_ = position = oldest;
        continue;
      }
      if (!fits) return false;
      if (busy) {
        sizes_.CountRecord(bytes);
      } else {
        Keep(header, into_ + end_, bytes);
      }
      position += bytes;
    }
    return true;
  }

  void Copy(uint8_t* to, uint64_t position, size_t bytes) {
    CopyFromRing(to, ring_.data, ring_.size_bytes, position, bytes);
  }

  // Makes a frame of the record at `from`, unless it was discarded.
  void Keep(uint32_t header, const uint8_t* from, uint64_t bytes) {
    sizes_.CountRecord(bytes);
    if ((header & BPF_RINGBUF_DISCARD_BIT) != 0) return;
    // Never to the right: only what was left out makes a difference.
    if (into_ + end_ != from) memmove(into_ + end_, from, bytes);
    const FrameHeader frame = {header, 0};
    memcpy(into_ + end_, &frame, sizeof(frame));
    end_ += bytes;
  }

  const OverwritingRing& ring_;
  uint8_t* const into_;
  uint64_t first_ = 0;  // the position that is copied to the beginning of into_
  uint64_t start_ = 0;  // that of the oldest record kept
  size_t begin_ = 0;    // the frames in into_
  size_t end_ = 0;
  Snapshot sizes_;
};

// In the page that begins with the producer's position.
struct Offsets {
  bool known;
  size_t pending;
  size_t overwrite;
};

// What the kernel's BTF says of struct bpf_ringbuf, as these positions are no
// interface to rely on; without BTF, where Linux 6.19 to 7.3 have them. Not
// known when the kernel has none in that page.
Offsets FindOffsets() {
  constexpr size_t kWord = sizeof(unsigned long);
  const Offsets usual = {true, kWord, 2 * kWord};
  btf* kernel = btf__load_vmlinux_btf();
  if (kernel == nullptr) return usual;
  const char* const names[] = {"producer_pos", "pending_pos", "overwrite_pos"};
  size_t found[] = {SIZE_MAX, SIZE_MAX, SIZE_MAX};
  const int id = btf__find_by_name_kind(kernel, "bpf_ringbuf", BTF_KIND_STRUCT);
  if (id > 0) {
    const btf_type* type = btf__type_by_id(kernel, static_cast<uint32_t>(id));
    for (uint32_t i = 0; i < btf_vlen(type); i++) {
      const char* name =
          btf__name_by_offset(kernel, btf_members(type)[i].name_off);
      for (size_t n = 0; n < std::size(names); n++) {
        if (strcmp(name, names[n]) != 0) continue;
        found[n] = btf_member_bit_offset(type, i) / 8;
      }
    }
  }
  btf__free(kernel);
  if (id <= 0) return usual;
  const size_t last = static_cast<size_t>(sysconf(_SC_PAGESIZE)) - kWord;
  const size_t pending = found[1] - found[0];
  const size_t overwrite = found[2] - found[0];
  const bool known = found[0] != SIZE_MAX && found[1] != SIZE_MAX &&
                     found[2] != SIZE_MAX && pending <= last &&
                     overwrite <= last;
  return {known, pending, overwrite};
}

}  // namespace

void TakeRing(const OverwritingRing& ring, uint8_t* into, Snapshot* snapshot) {
  for (int i = 0; i < kAttempts; i++) {
    RingCopy copy(ring, into);
    if (copy.Take(snapshot)) return;
  }
  *snapshot = {};
  snapshot->overwritten_bytes = LoadAcquire(ring.overwrite);
}

int RingSnapshot::Open(int map_fd, std::unique_ptr<SnapshotSource>* source) {
  bpf_map_info info = {};
  uint32_t info_bytes = sizeof(info);
  if (bpf_obj_get_info_by_fd(map_fd, &info, &info_bytes) != 0) return -errno;
  if (info.type != BPF_MAP_TYPE_RINGBUF) return -EINVAL;
  if ((info.map_flags & kRingOverwrites) == 0) return -EMEDIUMTYPE;
  static const Offsets offsets = FindOffsets();
  if (!offsets.known) return -EOPNOTSUPP;

  std::unique_ptr<RingSnapshot> opened(new RingSnapshot());
  // The producer's page and the data; the consumer's page, before them, is of
  // no use.
  const size_t page_bytes = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  opened->mapping_bytes_ = page_bytes + info.max_entries;
  void* mapping = mmap(nullptr, opened->mapping_bytes_, PROT_READ, MAP_SHARED,
                       map_fd, static_cast<off_t>(page_bytes));
  if (mapping == MAP_FAILED) return -errno;
  opened->mapping_ = mapping;
  const auto* page = static_cast<const uint8_t*>(mapping);
  const auto at = [page](size_t offset) {
    return reinterpret_cast<const unsigned long*>(page + offset);
  };
  opened->ring_ = {at(0), at(offsets.pending), at(offsets.overwrite),
                   page + page_bytes, info.max_entries};
  *source = std::move(opened);
  return 0;
}

RingSnapshot::~RingSnapshot() {
  if (mapping_ != nullptr) munmap(mapping_, mapping_bytes_);
}

}  // namespace bpf_ringbuf
