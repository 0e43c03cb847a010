#include "core/trial.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <sys/utsname.h>

#include <array>
#include <cstdio>

namespace bpf_ringbuf {

uint32_t KernelVersion() {
  unsigned major = 0;
  unsigned minor = 0;
  unsigned patch = 0;
  utsname kernel{};
  uname(&kernel);
  // NOLINTNEXTLINE(cert-err34-c): zeros are as good
  std::sscanf(kernel.release, "%u.%u.%u", &major, &minor, &patch);
  return (major << 16) + (minor << 8) + (patch > 255 ? 255 : patch);
}

int LoadEmpty(uint32_t type, bpf_attach_type attach_type, uint32_t btf_id) {
  const std::array<bpf_insn, 2> instructions = {{
      {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0},
      {.code = BPF_JMP | BPF_EXIT},
  }};
  LIBBPF_OPTS(bpf_prog_load_opts, options, .expected_attach_type = attach_type,
              .kern_version = KernelVersion(), .attach_btf_id = btf_id);
  return bpf_prog_load(static_cast<bpf_prog_type>(type), nullptr, "GPL",
                       instructions.data(), instructions.size(), &options);
}

}  // namespace bpf_ringbuf
