#include "core/probe.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <cstdio>
#include <string>

#include "core/attachment.h"
#include "core/own_network.h"
#include "core/ring_snapshot.h"
#include "core/trial.h"

namespace bpf_ringbuf {

namespace {

// Newer than the oldest headers that this compiles with, linux/bpf.h.
constexpr auto kTcxIngress = static_cast<bpf_attach_type>(46);
constexpr auto kUprobeMulti = static_cast<bpf_attach_type>(48);
constexpr auto kNetkitPrimary = static_cast<bpf_attach_type>(54);
constexpr int kTokenCreate = 36;     // BPF_TOKEN_CREATE
constexpr int kNoCommand = 1 << 20;  // of bpf(2)

// What is attached to for a moment: it is always there, and happens seldom.
constexpr char kFunction[] = "kernel_restart";
constexpr char kTracepoint[] = "task_rename";
constexpr char kLsmHook[] = "ptrace_traceme";
constexpr int kLoopback =
    1;  // the interface's index, in each network namespace
constexpr uint32_t kXdpGeneric = 2;  // XDP_FLAGS_SKB_MODE: any device can

// On one CPU: an event of a task has the kernel patch its scheduler.
int AttachToEvent(uint32_t type, perf_event_attr* event) {
  event->size = sizeof(*event);
  event->disabled = 1;
  const ScopedFd program(LoadEmpty(type));
  if (program.error() != 0) return program.error();
  const ScopedFd opened(
      syscall(SYS_perf_event_open, event, -1, 0, -1, PERF_FLAG_FD_CLOEXEC));
  if (opened.error() != 0) return opened.error();
  if (ioctl(opened.get(), PERF_EVENT_IOC_SET_BPF, program.get()) != 0) {
    return -errno;
  }
  return 0;
}

// The number in a file of the kernel's, or -errno.
int ReadNumber(const std::string& path) {
  const ScopedFd file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.error() != 0) return file.error();
  std::array<char, 16> text = {};
  if (read(file.get(), text.data(), text.size() - 1) < 0) return -errno;
  int number = 0;
  // NOLINTNEXTLINE(cert-err34-c): what does not fit is no number of an event
  return std::sscanf(text.data(), "%d", &number) == 1 ? number : -EINVAL;
}

int ProbeTracepoint() {
  int id = -ENOENT;
  for (const char* tracefs :
       {"/sys/kernel/tracing", "/sys/kernel/debug/tracing"}) {
    if (id != -ENOENT) break;
    id = ReadNumber(std::string(tracefs) + "/events/task/" + kTracepoint +
                    "/id");
  }
  if (id < 0) return id;
  perf_event_attr event = {};
  event.type = PERF_TYPE_TRACEPOINT;
  event.config = static_cast<uint64_t>(id);
  return AttachToEvent(BPF_PROG_TYPE_TRACEPOINT, &event);
}

int AttachToProbe(const char* kind, const char* place) {
  const int type = ReadNumber(std::string("/sys/bus/event_source/devices/") +
                              kind + "/type");
  if (type < 0) return type;
  perf_event_attr event = {};
  event.type = static_cast<uint32_t>(type);
  event.config1 = reinterpret_cast<uintptr_t>(place);
  return AttachToEvent(BPF_PROG_TYPE_KPROBE, &event);
}

int ProbeKprobe() { return AttachToProbe("kprobe", kFunction); }

// A file that nobody has mapped: no instruction is changed.
class UnmappedFile {
 public:
  UnmappedFile() : file_(memfd_create("bpf-ringbuf", MFD_CLOEXEC)) {
    if (file_.error() == 0 && ftruncate(file_.get(), 1) != 0) error_ = -errno;
    path_ = "/proc/self/fd/" + std::to_string(file_.get());
  }
  int error() const { return file_.error() != 0 ? file_.error() : error_; }
  const char* path() const { return path_.c_str(); }

 private:
  ScopedFd file_;
  int error_ = 0;
  std::string path_;
};

int ProbeUprobe() {
  const UnmappedFile file;
  if (file.error() != 0) return file.error();
  return AttachToProbe("uprobe", file.path());
}

int ProbePerfEvent() {
  perf_event_attr event = {};
  event.type = PERF_TYPE_SOFTWARE;
  event.config = PERF_COUNT_SW_CPU_CLOCK;
  event.sample_period = 1000 * 1000 * 1000;
  return AttachToEvent(BPF_PROG_TYPE_PERF_EVENT, &event);
}

int ProbeKprobeMulti() {
  const ScopedFd program(
      LoadEmpty(BPF_PROG_TYPE_KPROBE, BPF_TRACE_KPROBE_MULTI));
  if (program.error() != 0) return program.error();
  const char* symbol = kFunction;
  LIBBPF_OPTS(bpf_link_create_opts, options);
  options.kprobe_multi.syms = &symbol;
  options.kprobe_multi.cnt = 1;
  const ScopedFd link(
      bpf_link_create(program.get(), 0, BPF_TRACE_KPROBE_MULTI, &options));
  return link.error();
}

int ProbeUprobeMulti() {
  const UnmappedFile file;
  if (file.error() != 0) return file.error();
  const ScopedFd program(LoadEmpty(BPF_PROG_TYPE_KPROBE, kUprobeMulti));
  if (program.error() != 0) return program.error();
  const uint64_t offset = 0;
  // union bpf_attr of Linux 6.6, for BPF_LINK_CREATE.
  struct {
    uint32_t program_fd;
    uint32_t target_fd;
    uint32_t attach_type;
    uint32_t flags;
    uint64_t path;
    uint64_t offsets;
    uint64_t reference_counters;
    uint64_t cookies;
    uint32_t count;
    uint32_t uprobe_flags;
    uint32_t pid;
    uint32_t padding;
  } attributes = {};
  attributes.program_fd = static_cast<uint32_t>(program.get());
  attributes.attach_type = kUprobeMulti;
  attributes.path = reinterpret_cast<uintptr_t>(file.path());
  attributes.offsets = reinterpret_cast<uintptr_t>(&offset);
  attributes.count = 1;
  const ScopedFd link(
      syscall(SYS_bpf, BPF_LINK_CREATE, &attributes, sizeof(attributes)));
  return link.error();
}

int ProbeRawTracepoint() {
  const ScopedFd program(LoadEmpty(BPF_PROG_TYPE_RAW_TRACEPOINT));
  if (program.error() != 0) return program.error();
  const ScopedFd link(bpf_raw_tracepoint_open(kTracepoint, program.get()));
  return link.error();
}

// Attaches where BTF says: `name` as sections have it.
int AttachByBtf(uint32_t type, bpf_attach_type attach_type, const char* name) {
  const int id = libbpf_find_vmlinux_btf_id(name, attach_type);
  if (id < 0) return id;
  const ScopedFd program(
      LoadEmpty(type, attach_type, static_cast<uint32_t>(id)));
  if (program.error() != 0) return program.error();
  const ScopedFd link(
      attach_type == BPF_TRACE_ITER
          ? bpf_link_create(program.get(), 0, attach_type, nullptr)
          : bpf_raw_tracepoint_open(nullptr, program.get()));
  return link.error();
}

int ProbeTypedTracepoint() {
  return AttachByBtf(BPF_PROG_TYPE_TRACING, BPF_TRACE_RAW_TP, kTracepoint);
}

int ProbeFentry() {
  return AttachByBtf(BPF_PROG_TYPE_TRACING, BPF_TRACE_FENTRY, kFunction);
}

int ProbeIterator() {
  return AttachByBtf(BPF_PROG_TYPE_TRACING, BPF_TRACE_ITER, "task");
}

int ProbeLsm() { return AttachByBtf(BPF_PROG_TYPE_LSM, BPF_LSM_MAC, kLsmHook); }

// Asks what is attached, which attaches nothing.
int Query(int target, bpf_attach_type type) {
  uint32_t count = 0;
  return bpf_prog_query(target, type, 0, nullptr, nullptr, &count) == 0
             ? 0
             : -errno;
}

int ProbeTcx() { return Query(kLoopback, kTcxIngress); }

int ProbeNetkit() {
  const int error = Query(kLoopback, kNetkitPrimary);
  return error == -ENXIO ? 0 : error;  // it is no such device
}

// Attaches to "lo" of a network namespace that nobody else is in.
int ProbeDevice(uint32_t type, AttachmentPtr (*attach)(int program)) {
  const ScopedFd program(LoadEmpty(type));
  if (program.error() != 0) return program.error();
  return InOwnNetwork([&] {
    const AttachmentPtr attached = attach(program.get());
    if (attached == nullptr) return -errno;
    attached->Release(false);
    return 0;
  });
}

int ProbeXdp() {
  return ProbeDevice(BPF_PROG_TYPE_XDP, [](int program) {
    return CreateLink(program, kLoopback, BPF_XDP, kXdpGeneric, {});
  });
}

int ProbeTc() {
  return ProbeDevice(BPF_PROG_TYPE_SCHED_CLS, [](int program) {
    return AttachTc(program, kLoopback, BPF_TC_INGRESS, 0, 0);
  });
}

int ProbeNetfilter() {
  const ScopedFd program(LoadEmpty(kNetfilterProgram, kNetfilter));
  return program.error();
}

int ProbeOverwritingRing() {
  LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = kRingOverwrites);
  const auto size_bytes = static_cast<uint32_t>(sysconf(_SC_PAGESIZE));
  const ScopedFd map(bpf_map_create(BPF_MAP_TYPE_RINGBUF, nullptr, 0, 0,
                                    size_bytes, &options));
  return map.error();
}

int ProbePrograms() {
  const ScopedFd program(LoadEmpty(BPF_PROG_TYPE_RAW_TRACEPOINT));
  return program.error();
}

int ProbeJit() {
  const ScopedFd program(LoadEmpty(BPF_PROG_TYPE_RAW_TRACEPOINT));
  if (program.error() != 0) return program.error();
  bpf_prog_info info = {};
  uint32_t size_bytes = sizeof(info);
  if (bpf_obj_get_info_by_fd(program.get(), &info, &size_bytes) != 0) {
    return -errno;
  }
  return info.jited_prog_len > 0 ? 0 : -EOPNOTSUPP;
}

int ProbeToken() {
  struct {
    uint32_t flags;
    uint32_t bpffs_fd;
  } attributes = {0, UINT32_MAX};
  const ScopedFd token(
      syscall(SYS_bpf, kTokenCreate, &attributes, sizeof(attributes)));
  return token.error() == -EBADF ? 0 : token.error();  // it knows the command
}

// Whether the call reaches the kernel, which then has something against it.
int ProbeBpfCall() {
  bpf_attr attributes = {};
  const ScopedFd opened(
      syscall(SYS_bpf, kNoCommand, &attributes, sizeof(attributes)));
  return opened.error() == -EINVAL ? 0 : opened.error();
}

int ProbePerfCall() {
  const ScopedFd opened(
      syscall(SYS_perf_event_open, nullptr, 0, -1, -1, PERF_FLAG_FD_CLOEXEC));
  return opened.error() == -EFAULT ? 0 : opened.error();
}

struct NamedProbe {
  const char* name;
  int (*probe)();
};

constexpr NamedProbe kProbes[] = {
    {"programs", ProbePrograms},
    {"jit", ProbeJit},
    {"token", ProbeToken},
    {"bpf", ProbeBpfCall},
    {"perf_event_open", ProbePerfCall},
    {"overwritingRing", ProbeOverwritingRing},
    {"tracepoint", ProbeTracepoint},
    {"rawTracepoint", ProbeRawTracepoint},
    {"tpBtf", ProbeTypedTracepoint},
    {"kprobe", ProbeKprobe},
    {"kprobeMulti", ProbeKprobeMulti},
    {"uprobe", ProbeUprobe},
    {"uprobeMulti", ProbeUprobeMulti},
    {"fentry", ProbeFentry},
    {"lsm", ProbeLsm},
    {"iter", ProbeIterator},
    {"perfEvent", ProbePerfEvent},
    {"xdp", ProbeXdp},
    {"tc", ProbeTc},
    {"tcx", ProbeTcx},
    {"netkit", ProbeNetkit},
    {"netfilter", ProbeNetfilter},
};

}  // namespace

int Probe(const std::string& feature, const std::string& path) {
  if (feature == "cgroup") {
    const ScopedFd cgroup(
        open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (cgroup.error() != 0) return cgroup.error();
    return Query(cgroup.get(), BPF_CGROUP_INET_EGRESS);
  }
  for (const NamedProbe& known : kProbes) {
    if (feature == known.name) return known.probe();
  }
  return -EOPNOTSUPP;
}

}  // namespace bpf_ringbuf
