#include "core/perf_snapshot.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/perf_event.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "core/batch.h"

namespace bpf_ringbuf {

namespace {

constexpr int kAttempts = 64;
constexpr uint64_t kLeastSlackBytes = 4096;
// Of a task, of a softirq, of a hardirq and of an NMI.
constexpr uint64_t kContexts = 4;

template <typename T>
T ReadAt(const uint8_t* bytes) {
  T value;
  memcpy(&value, bytes, sizeof(value));
  return value;
}

// What the kernel writes before the data for bpf_perf_event_output()
// (linux/perf_event.h): a header, the time with PERF_SAMPLE_TIME, and the
// length of the data, padded so that the whole is 8-aligned.
size_t HeadBytes(const TimeOf& time) {
  return sizeof(perf_event_header) + (time.stamped ? 8 : 0) + 4;
}

// What a buffer holds of the newest records, once some of the oldest ones are
// left out.
uint64_t UsableBytes(uint64_t size_bytes, uint64_t largest_bytes,
                     uint64_t written_meanwhile) {
  const uint64_t slack =
      std::max({kLeastSlackBytes, size_bytes / 16, kContexts * largest_bytes});
  const uint64_t gone = slack + written_meanwhile;
  return gone < size_bytes ? size_bytes - gone : 0;
}

}  // namespace

void BackwardCopy::Take(const BackwardBuffer& buffer, const TimeOf& time,
                        uint8_t* into, uint64_t* largest_bytes) {
  time_ = time;
  copy_ = into;
  for (int i = 0; i < kAttempts; i++) {
    if (Try(buffer, largest_bytes)) return;
  }
  // What it could have kept at best; the next snapshot counts the rest.
  overwritten_bytes_ -= std::min(
      overwritten_bytes_, UsableBytes(buffer.size_bytes, *largest_bytes, 0));
}

bool BackwardCopy::Try(const BackwardBuffer& buffer, uint64_t* largest_bytes) {
  records_.clear();
  sizes_ = {};
  const uint64_t head = LoadAcquire(buffer.head);
  const uint64_t written = 0 - head;
  overwritten_bytes_ = written;
  const uint64_t copied = std::min<uint64_t>(written, buffer.size_bytes);
  CopyFromRing(copy_, buffer.data, buffer.size_bytes, head, copied);
  const uint64_t meanwhile = head - LoadAcquire(buffer.head);
  const auto usable = [&] {
    return std::min(UsableBytes(buffer.size_bytes, *largest_bytes, meanwhile),
                    copied);
  };
  if (usable() == 0) {
    // Nothing was written, or the buffer is too small for what is left out.
    return written == 0 ||
           UsableBytes(buffer.size_bytes, *largest_bytes, 0) == 0;
  }

  uint64_t end = 0;
  while (end + sizeof(perf_event_header) <= usable()) {
    const auto header = ReadAt<perf_event_header>(copy_ + end);
    const uint64_t usable_bytes = usable() - end;
    if (header.size < sizeof(header) || header.size % 8 != 0 ||
        header.size > usable_bytes) {
      break;
    }
    *largest_bytes = std::max<uint64_t>(*largest_bytes, header.size);
    sizes_.CountRecord(header.size);
    if (header.type == PERF_RECORD_SAMPLE && header.size >= HeadBytes(time_)) {
      records_.push_back(static_cast<uint32_t>(end / 8));
    }
    end += header.size;
  }
  // The largest of them may have been among the last.
  while (end > usable() && !records_.empty()) {
    end = uint64_t{8} * records_.back();
    records_.pop_back();
  }
  overwritten_bytes_ = written - end;
  return true;
}

BackwardCopy::Sample BackwardCopy::oldest() const {
  const uint8_t* record = copy_ + size_t{8} * records_.back();
  const auto header = ReadAt<perf_event_header>(record);
  const uint8_t* data = record + HeadBytes(time_);
  const auto room = static_cast<uint32_t>(header.size - HeadBytes(time_));
  const uint32_t length = std::min(room, ReadAt<uint32_t>(data - 4));
  if (time_.stamped) {
    return {ReadAt<uint64_t>(record + sizeof(header)), data, length};
  }
  // One that is too short keeps its place: its reader refuses it.
  const bool has = length >= 8 && time_.offset <= length - 8;
  return {has ? ReadAt<uint64_t>(data + time_.offset) : 0, data, length};
}

size_t MergeSamples(std::vector<BackwardCopy>* copies, uint8_t* into) {
  // The oldest sample of each buffer that has any left. One that is older than
  // those before it, as its write was interrupted by theirs, keeps its place.
  struct Next {
    uint64_t time_ns;
    size_t copy;
    bool operator<(const Next& other) const {  // a heap has the greatest first
      return std::pair(time_ns, copy) > std::pair(other.time_ns, other.copy);
    }
  };
  std::vector<Next> heap;
  for (size_t i = 0; i < copies->size(); i++) {
    const BackwardCopy& copy = (*copies)[i];
    if (!copy.empty()) heap.push_back({copy.oldest().time_ns, i});
  }
  std::make_heap(heap.begin(), heap.end());
  size_t end = 0;
  while (!heap.empty()) {
    std::pop_heap(heap.begin(), heap.end());
    Next& next = heap.back();
    BackwardCopy& copy = (*copies)[next.copy];
    const BackwardCopy::Sample sample = copy.oldest();
    const FrameHeader frame = {sample.length, 0};
    memcpy(into + end, &frame, sizeof(frame));
    memcpy(into + end + sizeof(frame), sample.data, sample.length);
    end += sizeof(frame) + (size_t{sample.length} + 7) / 8 * 8;
    copy.PopOldest();
    if (copy.empty()) {
      heap.pop_back();
    } else {
      next.time_ns = copy.oldest().time_ns;
      std::push_heap(heap.begin(), heap.end());
    }
  }
  return end;
}

int PerfSnapshot::Open(int map_fd, uint32_t page_count,
                       const std::vector<int>& cpus, const TimeOf& time,
                       std::unique_ptr<SnapshotSource>* source) {
  bpf_map_info info = {};
  uint32_t info_bytes = sizeof(info);
  if (bpf_obj_get_info_by_fd(map_fd, &info, &info_bytes) != 0) return -errno;
  if (info.type != BPF_MAP_TYPE_PERF_EVENT_ARRAY) return -EINVAL;
  const size_t page_bytes = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  if (page_count == 0 || (page_count & (page_count - 1)) != 0 ||
      page_count > SIZE_MAX / 2 / page_bytes) {
    return -EINVAL;
  }
  std::unique_ptr<PerfSnapshot> opened(
      new PerfSnapshot(page_count * page_bytes, time));
  // Other buffers would take the map's slots from these.
  opened->claim_ = MapClaim::Take(info.id);
  if (opened->claim_ == nullptr) return -EBUSY;
  opened->map_fd_ = fcntl(map_fd, F_DUPFD_CLOEXEC, 0);
  if (opened->map_fd_ < 0) return -errno;
  for (const int cpu : cpus) {
    const int error = opened->OpenBuffer(cpu);
    if (error != 0) return error;
  }
  *source = std::move(opened);
  return 0;
}

int PerfSnapshot::OpenBuffer(int cpu) {
  perf_event_attr attributes = {};
  attributes.size = sizeof(attributes);
  attributes.type = PERF_TYPE_SOFTWARE;
  attributes.config = PERF_COUNT_SW_BPF_OUTPUT;
  attributes.sample_type = PERF_SAMPLE_RAW;
  if (time_.stamped) attributes.sample_type |= PERF_SAMPLE_TIME;
  attributes.sample_period = 1;
  attributes.write_backward = 1;
  // The clock of bpf_ktime_get_ns(), which is the same on all CPUs.
  attributes.use_clockid = 1;
  attributes.clockid = CLOCK_MONOTONIC;
  // The kernel cannot do without wake-ups, of which there is nobody to take
  // any: one each time that the whole buffer was written.
  attributes.watermark = 1;
  attributes.wakeup_watermark = UINT32_MAX;
  const int event_fd = static_cast<int>(syscall(
      SYS_perf_event_open, &attributes, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC));
  if (event_fd < 0) return -errno;
  buffers_.push_back({cpu, event_fd, nullptr, 0, false});
  Buffer& buffer = buffers_.back();
  // Without PROT_WRITE the kernel overwrites what nobody can have marked as
  // read.
  const size_t page_bytes = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  void* mapping = mmap(nullptr, page_bytes + data_bytes_, PROT_READ, MAP_SHARED,
                       event_fd, 0);
  if (mapping == MAP_FAILED) return -errno;
  buffer.mapping = mapping;
  if (bpf_map_update_elem(map_fd_, &cpu, &event_fd, BPF_ANY) != 0) {
    return -errno;
  }
  buffer.in_map = true;
  return 0;
}

PerfSnapshot::~PerfSnapshot() {
  const size_t page_bytes = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  for (const Buffer& buffer : buffers_) {
    if (buffer.in_map) bpf_map_delete_elem(map_fd_, &buffer.cpu);
    if (buffer.mapping != nullptr) {
      munmap(buffer.mapping, page_bytes + data_bytes_);
    }
    close(buffer.event_fd);
  }
  if (map_fd_ >= 0) close(map_fd_);
}

size_t PerfSnapshot::size_bytes() const {
  return buffers_.size() * data_bytes_;
}

int PerfSnapshot::Take(uint8_t* into, Snapshot* snapshot) {
  // Merged, they cannot be where they were copied to.
  const std::shared_ptr<Arena> arena = Arena::Map(size_bytes());
  if (arena == nullptr) return -ENOMEM;
  const size_t page_bytes = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  std::vector<BackwardCopy> copies(buffers_.size());
  for (size_t i = 0; i < buffers_.size(); i++) {
    Buffer& buffer = buffers_[i];
    const auto* page = static_cast<const perf_event_mmap_page*>(buffer.mapping);
    const auto* head = reinterpret_cast<const uint64_t*>(&page->data_head);
    const auto* data = static_cast<const uint8_t*>(buffer.mapping) + page_bytes;
    copies[i].Take({head, data, data_bytes_}, time_,
                   arena->data() + i * data_bytes_, &buffer.largest_bytes);
    snapshot->overwritten_bytes += copies[i].overwritten_bytes();
    if (copies[i].record_bytes() != 0) {
      snapshot->CountRecord(copies[i].record_bytes());
    }
  }
  snapshot->end_bytes = MergeSamples(&copies, into);
  return 0;
}

}  // namespace bpf_ringbuf
