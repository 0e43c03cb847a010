#include "core/perf_source.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <unistd.h>

#include <algorithm>

namespace bpf_ringbuf {

namespace {

// What the kernel writes for bpf_perf_event_output(), with PERF_SAMPLE_RAW
// alone (linux/perf_event.h).
struct RawSample {
  perf_event_header header;
  uint32_t size;  // of the data, padded so that the whole is 8-aligned
  uint8_t data[];
};

struct LostSample {
  perf_event_header header;
  uint64_t id;
  uint64_t lost;
};

}  // namespace

int PerfSource::Open(int map_fd, uint32_t index, const PerfOptions& options,
                     std::unique_ptr<PerfSource>* source) {
  bpf_map_info info = {};
  uint32_t info_bytes = sizeof(info);
  if (bpf_obj_get_info_by_fd(map_fd, &info, &info_bytes) != 0) return -errno;
  if (info.type != BPF_MAP_TYPE_PERF_EVENT_ARRAY) return -EINVAL;
  const int possible_cpus = libbpf_num_possible_cpus();
  if (possible_cpus < 0) return possible_cpus;

  std::unique_ptr<PerfSource> opened(
      new PerfSource(index, static_cast<size_t>(possible_cpus)));
  // A second perf buffer would take the map's slots from the first.
  opened->claim_ = MapClaim::Take(info.id);
  if (opened->claim_ == nullptr) return -EBUSY;
  opened->map_fd_ = fcntl(map_fd, F_DUPFD_CLOEXEC, 0);
  if (opened->map_fd_ < 0) return -errno;
  opened->buffer_bytes_ =
      static_cast<uint64_t>(options.page_count) * sysconf(_SC_PAGESIZE);

  perf_event_attr attributes = {};
  attributes.size = sizeof(attributes);
  attributes.type = PERF_TYPE_SOFTWARE;
  attributes.config = PERF_COUNT_SW_BPF_OUTPUT;
  attributes.sample_type = PERF_SAMPLE_RAW;
  attributes.sample_period = 1;
  if (options.watermark_bytes != 0) {
    attributes.watermark = 1;
    attributes.wakeup_watermark = options.watermark_bytes;
  } else {
    attributes.wakeup_events = options.wakeup_events;
  }
  LIBBPF_OPTS(perf_buffer_raw_opts, raw_options);
  std::vector<int> cpus = options.cpus;
  raw_options.cpu_cnt = static_cast<int>(cpus.size());
  raw_options.cpus = cpus.data();
  // bpf_perf_event_output() with BPF_F_CURRENT_CPU looks its CPU up.
  raw_options.map_keys = cpus.data();
  opened->buffer_ =
      perf_buffer__new_raw(opened->map_fd_, options.page_count, &attributes,
                           OnEvent, opened.get(), &raw_options);
  if (opened->buffer_ == nullptr) return -errno;
  opened->buffer_count_ = perf_buffer__buffer_cnt(opened->buffer_);
  *source = std::move(opened);
  return 0;
}

PerfSource::~PerfSource() {
  perf_buffer__free(buffer_);
  if (map_fd_ >= 0) close(map_fd_);
}

int PerfSource::epoll_fd() const { return perf_buffer__epoll_fd(buffer_); }

int PerfSource::Drain(Batch* batch, bool ready_only, SourceDrain* drained) {
  // Asking which are ready would clear their readiness: look at all.
  (void)ready_only;
  batch_ = batch;
  drained_ = drained;
  int error = 0;
  // Buffer by buffer, beginning where the last drain ended: libbpf's
  // perf_buffer__consume() begins with the first each time, and goes on to the
  // next one when a callback ends the drain of one.
  for (size_t i = 0; i < buffer_count_ && error == 0 && !batch->full(); i++) {
    const size_t buffer = (rotation_ + i) % buffer_count_;
    error = perf_buffer__consume_buffer(buffer_, buffer);
    if (batch->full()) rotation_ = (buffer + 1) % buffer_count_;
  }
  batch_ = nullptr;
  drained_ = nullptr;
  return error;
}

SourceState PerfSource::state() const {
  SourceState state = {buffer_bytes_, {}, {}, 0, 0};
  for (size_t i = 0; i < buffer_count_; i++) {
    void* memory = nullptr;
    size_t memory_bytes = 0;
    perf_buffer__buffer(buffer_, static_cast<int>(i), &memory, &memory_bytes);
    // The consumer first, as its producer only runs ahead.
    const auto* page = static_cast<const perf_event_mmap_page*>(memory);
    const uint64_t consumer =
        __atomic_load_n(&page->data_tail, __ATOMIC_ACQUIRE);
    const uint64_t producer =
        __atomic_load_n(&page->data_head, __ATOMIC_ACQUIRE);
    state.buffers.push_back({consumer, producer});
  }
  for (const auto& lost : lost_) {
    state.lost_by_cpu.push_back(lost.load(std::memory_order_relaxed));
  }
  return state;
}

bpf_perf_event_ret PerfSource::OnEvent(void* context, int cpu,
                                       perf_event_header* event) {
  auto* source = static_cast<PerfSource*>(context);
  source->drained_->consumed_bytes += event->size;
  if (!source->Store(cpu, event)) source->drained_->dropped++;
  // The event is consumed in either case.
  return source->batch_->full() ? LIBBPF_PERF_EVENT_DONE
                                : LIBBPF_PERF_EVENT_CONT;
}

bool PerfSource::Store(int cpu, const perf_event_header* event) {
  const uint32_t stream = StreamOf(index_, static_cast<uint32_t>(cpu));
  if (event->type == PERF_RECORD_SAMPLE) {
    const auto* sample = reinterpret_cast<const RawSample*>(event);
    return batch_->Append(stream, sample->data, sample->size);
  }
  if (event->type == PERF_RECORD_LOST) {
    const uint64_t lost = reinterpret_cast<const LostSample*>(event)->lost;
    lost_[static_cast<size_t>(cpu)].fetch_add(lost, std::memory_order_relaxed);
    return batch_->AppendLost(stream, lost);
  }
  return true;  // PERF_RECORD_THROTTLE and the like carry no record
}

}  // namespace bpf_ringbuf
