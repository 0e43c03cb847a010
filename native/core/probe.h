// What this kernel has, found out by trying: versions say little where
// distributions port features back.
#ifndef BPF_RINGBUF_NATIVE_CORE_PROBE_H_
#define BPF_RINGBUF_NATIVE_CORE_PROBE_H_

#include <string>

namespace bpf_ringbuf {

// Tries a feature, and undoes it: 0 when it worked, or -errno. Its name is one
// of those in probe.cc, else -EOPNOTSUPP. `path` is where cgroup2 is mounted,
// for "cgroup".
int Probe(const std::string& feature, const std::string& path);

}  // namespace bpf_ringbuf

#endif  // BPF_RINGBUF_NATIVE_CORE_PROBE_H_
