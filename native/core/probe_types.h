// Which types of maps and programs, and which helpers, libbpf and this kernel
// have.
#ifndef BPF_RINGBUF_NATIVE_CORE_PROBE_TYPES_H_
#define BPF_RINGBUF_NATIVE_CORE_PROBE_TYPES_H_

#include <cstdint>
#include <string>
#include <vector>

namespace bpf_ringbuf {

// Names by number, of what this libbpf knows; helpers, of what the kernel's
// headers knew when this was compiled.
std::vector<std::string> MapTypeNames();
std::vector<std::string> ProgramTypeNames();
std::vector<std::string> HelperNames();

// Whether there is such a type: 1, 0, or -errno when it cannot be told. What
// was made for it is closed again.
int ProbeMapType(uint32_t type);
int ProbeProgramType(uint32_t type);

// Whether programs of a type may call a helper: likewise.
int ProbeHelper(uint32_t type, uint32_t helper);

}  // namespace bpf_ringbuf

#endif  // BPF_RINGBUF_NATIVE_CORE_PROBE_TYPES_H_
