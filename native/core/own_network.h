// A network namespace for what must not touch that of the process.
#ifndef BPF_RINGBUF_NATIVE_CORE_OWN_NETWORK_H_
#define BPF_RINGBUF_NATIVE_CORE_OWN_NETWORK_H_

#include <functional>

namespace bpf_ringbuf {

// Calls back on a thread in a network namespace of its own, which has "lo" and
// nothing else, and ends with the thread. Gives what the callback gave, or
// -ENONET when there can be none: it takes CAP_SYS_ADMIN.
int InOwnNetwork(const std::function<int()>& callback);

}  // namespace bpf_ringbuf

#endif  // BPF_RINGBUF_NATIVE_CORE_OWN_NETWORK_H_
