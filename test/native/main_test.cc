// Runs the cases of all files, or those whose name contains the argument.
// Prints "ok NAME" or "not ok NAME" for each.
#include <cstring>

#include "test.h"

int main(int argc, char** argv) {
  using bpf_ringbuf::test::Cases;
  using bpf_ringbuf::test::Failures;
  int failed = 0;
  for (const auto& test_case : Cases()) {
    if (argc > 1 && strstr(test_case.name, argv[1]) == nullptr) continue;
    Failures().clear();
    test_case.run();
    const bool ok = Failures().empty();
    failed += ok ? 0 : 1;
    printf("%s %s\n", ok ? "ok" : "not ok", test_case.name);
    for (const auto& failure : Failures()) printf("    %s\n", failure.c_str());
    fflush(stdout);
  }
  return failed == 0 ? 0 : 1;
}
