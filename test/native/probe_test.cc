#include "core/probe.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "core/probe_types.h"
#include "test.h"

namespace bpf_ringbuf {
namespace {

// As long as this thread is the only one.
int NextDescriptor() {
  const int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
  close(fd);
  return fd;
}

TEST("probe: names are in the order of their numbers") {
  EXPECT(MapTypeNames().at(27) == "ringbuf");
  EXPECT(ProgramTypeNames().at(17) == "raw_tracepoint");
  EXPECT(HelperNames().at(1) == "bpf_map_lookup_elem");
  EXPECT(HelperNames().at(130) == "bpf_ringbuf_output");
}

TEST("probe: what is not known is not supported") {
  EXPECT(Probe("no such feature", "") == -EOPNOTSUPP);
  EXPECT(Probe("cgroup", "/no/such/directory") == -ENOENT);
  EXPECT(ProbeMapType(9999) < 0);
  EXPECT(ProbeProgramType(9999) < 0);
}

// With privileges and without.
TEST("probe: each closes what it opened") {
  const std::vector<const char*> features = {
      "programs",    "jit",
      "token",       "bpf",
      "iter",        "perfEvent",
      "tracepoint",  "rawTracepoint",
      "tpBtf",       "kprobe",
      "kprobeMulti", "uprobe",
      "fentry",      "uprobeMulti",
      "lsm",         "overwritingRing",
      "xdp",         "tc",
      "tcx",         "netkit",
      "netfilter",   "perf_event_open",
  };
  const int before = NextDescriptor();
  for (const char* feature : features) {
    EXPECT(Probe(feature, "") <= 0);
    EXPECT(NextDescriptor() == before);
  }
  Probe("cgroup", "/");
  EXPECT(ProbeMapType(27) <= 1);
  EXPECT(ProbeProgramType(17) <= 1);
  EXPECT(ProbeHelper(17, 130) <= 1);
  EXPECT(NextDescriptor() == before);
}

}  // namespace
}  // namespace bpf_ringbuf
