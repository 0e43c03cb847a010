// Snapshots of perf buffers that overwrite: a buffer for each CPU, written
// backward. Kernel 4.7 or newer.
#ifndef BPF_RINGBUF_NATIVE_CORE_PERF_SNAPSHOT_H_
#define BPF_RINGBUF_NATIVE_CORE_PERF_SNAPSHOT_H_

#include <memory>
#include <vector>

#include "core/map_claim.h"
#include "core/snapshot.h"

namespace bpf_ringbuf {

// Where such a buffer is in memory.
struct BackwardBuffer {
  // Counts down from 0: the newest record that is written begins here.
  const uint64_t* head;
  const uint8_t* data;
  size_t size_bytes;
};

// Where the time of a record is: before its data, where the kernel puts it when
// it is asked to, or in the data, where the program put 64 bits of it.
struct TimeOf {
  bool stamped;
  uint32_t offset;  // in the data
};

// A copy of one buffer, and what it holds.
class BackwardCopy {
 public:
  struct Sample {
    uint64_t time_ns;
    const uint8_t* data;
    uint32_t length;
  };

  // Copies the buffer to `into`, which has its size. `largest_bytes` is the
  // largest record that the buffer has been seen to hold, before and after.
  //
  // The kernel moves `head` after it has written a record, so what is being
  // written may lie over the oldest ones: that part is left out. It is as large
  // as the largest record for each context that interrupted another one's
  // write, of which BPF programs have at most four, and more when one of them
  // writes many records: a sixteenth of the buffer at least.
  void Take(const BackwardBuffer& buffer, const TimeOf& time, uint8_t* into,
            uint64_t* largest_bytes);

  bool empty() const { return records_.empty(); }
  Sample oldest() const;
  void PopOldest() { records_.pop_back(); }
  // As of a Snapshot, of this buffer.
  uint64_t overwritten_bytes() const { return overwritten_bytes_; }
  uint64_t record_bytes() const { return sizes_.record_bytes; }

 private:
  bool Try(const BackwardBuffer& buffer, uint64_t* largest_bytes);

  TimeOf time_ = {};
  uint8_t* copy_ = nullptr;
  // Where they begin in the copy, in words of 8 bytes, the newest first.
  std::vector<uint32_t> records_;
  uint64_t overwritten_bytes_ = 0;
  Snapshot sizes_;
};

// Writes all samples as frames, the oldest first, and takes them out of the
// copies. Those of a buffer keep their order, and those of several are merged
// by their time. Returns the bytes of the frames.
size_t MergeSamples(std::vector<BackwardCopy>* copies, uint8_t* into);

class PerfSnapshot : public SnapshotSource {
 public:
  // Opens a buffer of `page_count`, a power of two, for each CPU, and lets the
  // map behind `map_fd` lead to them; it stays the caller's, the source keeps a
  // duplicate. Returns 0, -EINVAL when it is no perf event array, -EBUSY when
  // another reader of this process has it, or another -errno: -ENODEV when a
  // CPU is offline.
  static int Open(int map_fd, uint32_t page_count, const std::vector<int>& cpus,
                  const TimeOf& time, std::unique_ptr<SnapshotSource>* source);
  ~PerfSnapshot() override;

  size_t size_bytes() const override;
  int Take(uint8_t* into, Snapshot* snapshot) override;

 private:
  struct Buffer {
    int cpu;
    int event_fd;
    void* mapping;  // a page, then the data; null when there is none
    uint64_t largest_bytes;
    bool in_map;
  };

  PerfSnapshot(size_t data_bytes, const TimeOf& time)
      : data_bytes_(data_bytes), time_(time) {}
  int OpenBuffer(int cpu);

  const size_t data_bytes_;  // of each
  const TimeOf time_;
  std::unique_ptr<MapClaim> claim_;
  int map_fd_ = -1;
  std::vector<Buffer> buffers_;
};

}  // namespace bpf_ringbuf

#endif  // BPF_RINGBUF_NATIVE_CORE_PERF_SNAPSHOT_H_
