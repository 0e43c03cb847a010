#include "core/probe_types.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>

#include <array>

#include "core/probe.h"
#include "core/trial.h"

namespace bpf_ringbuf {

namespace {

// Numbers that say nothing about the kernel: this process may not, or something
// ran out.
bool SaysNothing(int error) {
  switch (error) {
    case EPERM:
    case EACCES:
    case EINTR:
    case EAGAIN:
    case ENOMEM:
    case ENOSPC:
    case ENFILE:
    case EMFILE:
      return true;
    default:
      return false;
  }
}

// What libbpf's probes give: they take each refusal for a kernel without, and
// leave the kernel's number in errno.
int Told(int probed) {
  if (probed == 0 && SaysNothing(errno)) return -errno;
  return probed;
}

std::vector<std::string> NamesBy(const char* (*name_of)(uint32_t)) {
  std::vector<std::string> names;
  while (const char* name = name_of(static_cast<uint32_t>(names.size()))) {
    names.emplace_back(name);
  }
  return names;
}

// What a program of a type has to say about itself to be loaded at all.
bpf_attach_type UsualAttachType(uint32_t type) {
  if (type == kNetfilterProgram) return kNetfilter;
  switch (type) {
    case BPF_PROG_TYPE_CGROUP_SOCK_ADDR:
      return BPF_CGROUP_INET4_CONNECT;
    case BPF_PROG_TYPE_CGROUP_SOCKOPT:
      return BPF_CGROUP_GETSOCKOPT;
    case BPF_PROG_TYPE_SK_LOOKUP:
      return BPF_SK_LOOKUP;
    default:
      return kNoAttachType;
  }
}

}  // namespace

std::vector<std::string> MapTypeNames() {
  return NamesBy([](uint32_t type) {
    return libbpf_bpf_map_type_str(static_cast<bpf_map_type>(type));
  });
}

std::vector<std::string> ProgramTypeNames() {
  return NamesBy([](uint32_t type) {
    return libbpf_bpf_prog_type_str(static_cast<bpf_prog_type>(type));
  });
}

std::vector<std::string> HelperNames() {
#define HELPER_NAME(name) "bpf_" #name
  // NOLINTNEXTLINE(bugprone-suspicious-missing-comma): one literal of two
  return {__BPF_FUNC_MAPPER(HELPER_NAME)};
#undef HELPER_NAME
}

int ProbeMapType(uint32_t type) {
  errno = 0;
  return Told(
      libbpf_probe_bpf_map_type(static_cast<bpf_map_type>(type), nullptr));
}

int ProbeProgramType(uint32_t type) {
  errno = 0;
  const int told = Told(
      libbpf_probe_bpf_prog_type(static_cast<bpf_prog_type>(type), nullptr));
  // libbpf tries a trampoline, which a kernel may refuse to everybody.
  if (told < 0 && type == BPF_PROG_TYPE_TRACING) {
    return Probe("tpBtf", "") == 0 ? 1 : told;
  }
  return told;
}

// Not libbpf_probe_bpf_helper(): before libbpf 1.5 it does not understand what
// Linux 6.10 and newer say, and takes a refusal of the whole program for a yes.
int ProbeHelper(uint32_t type, uint32_t helper) {
  switch (type) {
    // They need something to attach to, and that decides.
    case BPF_PROG_TYPE_TRACING:
    case BPF_PROG_TYPE_EXT:
    case BPF_PROG_TYPE_LSM:
    case BPF_PROG_TYPE_STRUCT_OPS:
      return -EOPNOTSUPP;
    default:
      break;
  }
  const std::array<bpf_insn, 2> instructions = {{
      {.code = BPF_JMP | BPF_CALL, .imm = static_cast<int32_t>(helper)},
      {.code = BPF_JMP | BPF_EXIT},
  }};
  std::array<char, 4096> log = {};
  LIBBPF_OPTS(bpf_prog_load_opts, options,
              .expected_attach_type = UsualAttachType(type),
              .kern_version = KernelVersion(), .log_level = 1,
              .log_size = static_cast<uint32_t>(log.size()),
              .log_buf = log.data());
  if (type == BPF_PROG_TYPE_SYSCALL) options.prog_flags = BPF_F_SLEEPABLE;
  const ScopedFd program(bpf_prog_load(static_cast<bpf_prog_type>(type),
                                       nullptr, "GPL", instructions.data(),
                                       instructions.size(), &options));
  if (program.error() == 0) return 1;
  const std::string text(log.data());
  if (text.empty()) return program.error();
  // Whatever else it has against the program, it looked at the call.
  for (const char* refusal :
       {"invalid func ", "unknown func ", "cannot use helper "}) {
    if (text.find(refusal) != std::string::npos) return 0;
  }
  return 1;
}

}  // namespace bpf_ringbuf
