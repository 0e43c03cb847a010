// The names of C++.
#ifndef BPF_RINGBUF_NATIVE_CORE_DEMANGLE_H_
#define BPF_RINGBUF_NATIVE_CORE_DEMANGLE_H_

#include <optional>
#include <string>

namespace bpf_ringbuf {

// A name that compilers make of a C++ function, as C++ has it; nothing when it
// is no such name, or one that would take long: a name may refer to its own
// parts, and a thousand characters can be made that say more than any memory
// holds.
std::optional<std::string> Demangle(const std::string& name);

}  // namespace bpf_ringbuf

#endif  // BPF_RINGBUF_NATIVE_CORE_DEMANGLE_H_
