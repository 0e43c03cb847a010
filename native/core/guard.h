// What has to hold while libbpf talks to the kernel.
#ifndef BPF_RINGBUF_NATIVE_CORE_GUARD_H_
#define BPF_RINGBUF_NATIVE_CORE_GUARD_H_

#include <csignal>
#include <cstddef>

namespace bpf_ringbuf {

// Blocks all signals on this thread. The verifier gives up with EAGAIN when one
// is pending, a profiler sends one every millisecond, and libbpf tries five
// times.
class SignalsBlocked {
 public:
  SignalsBlocked();
  ~SignalsBlocked();
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;

 private:
  sigset_t before_;
};

// Of libbpf's probes of the kernel, at any one time, with what it opens beside.
constexpr size_t kProbeDescriptors = 16;

// Whether this process can open so many descriptors more: 0, -EMFILE or
// -ENFILE. libbpf remembers for the life of the process what its probes found,
// and takes one that failed for want of a descriptor for a kernel that lacks
// the feature.
int CheckDescriptors(size_t count);

}  // namespace bpf_ringbuf

#endif  // BPF_RINGBUF_NATIVE_CORE_GUARD_H_
