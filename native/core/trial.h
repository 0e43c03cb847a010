// What a kernel is tried with: small programs, and descriptors that are closed
// again.
#ifndef BPF_RINGBUF_NATIVE_CORE_TRIAL_H_
#define BPF_RINGBUF_NATIVE_CORE_TRIAL_H_

#include <errno.h>
#include <linux/bpf.h>
#include <unistd.h>

#include <cstdint>

namespace bpf_ringbuf {

// Newer than the oldest headers that this compiles with, linux/bpf.h. A type of
// program is a number here: those of newer kernels are no values of the enum.
constexpr uint32_t kNetfilterProgram = 32;
constexpr auto kNetfilter = static_cast<bpf_attach_type>(45);
constexpr auto kNoAttachType = bpf_attach_type{};

// A descriptor, or the negative error number of what failed to open it.
class ScopedFd {
 public:
  explicit ScopedFd(long opened)
      : fd_(opened < 0 ? -errno : static_cast<int>(opened)) {}
  ~ScopedFd() {
    if (fd_ >= 0) close(fd_);
  }
  ScopedFd(const ScopedFd&) = delete;
  ScopedFd& operator=(const ScopedFd&) = delete;

  int get() const { return fd_; }
  // 0 or -errno.
  int error() const { return fd_ < 0 ? fd_ : 0; }

 private:
  int fd_;
};

// Before Linux 5.0 kprobes ask for it.
uint32_t KernelVersion();

// Loads "return 0": a descriptor, or negative with errno set.
int LoadEmpty(uint32_t type, bpf_attach_type attach_type = kNoAttachType,
              uint32_t btf_id = 0);

}  // namespace bpf_ringbuf

#endif  // BPF_RINGBUF_NATIVE_CORE_TRIAL_H_
