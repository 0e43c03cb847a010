// The least that a test needs: registration, expectations, a plain report.
#ifndef BPF_RINGBUF_TEST_NATIVE_TEST_H_
#define BPF_RINGBUF_TEST_NATIVE_TEST_H_

#include <cstdio>
#include <string>
#include <vector>

namespace bpf_ringbuf::test {

struct Case {
  const char* name;
  void (*run)();
};

inline std::vector<Case>& Cases() {
  static std::vector<Case> cases;
  return cases;
}

// What went wrong in the case that runs.
inline std::vector<std::string>& Failures() {
  static std::vector<std::string> failures;
  return failures;
}

struct Registration {
  Registration(const char* name, void (*run)()) {
    Cases().push_back({name, run});
  }
};

}  // namespace bpf_ringbuf::test

#define BPF_RINGBUF_JOIN_(a, b) a##b
#define BPF_RINGBUF_JOIN(a, b) BPF_RINGBUF_JOIN_(a, b)

// TEST("batch: is full at its soft limit") { ... }
#define TEST(name) BPF_RINGBUF_TEST_(name, __LINE__)
#define BPF_RINGBUF_TEST_(name, line)                              \
  static void BPF_RINGBUF_JOIN(Test, line)();                      \
  static const ::bpf_ringbuf::test::Registration BPF_RINGBUF_JOIN( \
      registration, line)(name, BPF_RINGBUF_JOIN(Test, line));     \
  static void BPF_RINGBUF_JOIN(Test, line)()

// For the main thread of a case.
#define EXPECT(condition)                                                     \
  do {                                                                        \
    if (!(condition)) {                                                       \
      ::bpf_ringbuf::test::Failures().push_back(std::string(__FILE__) + ":" + \
                                                std::to_string(__LINE__) +    \
                                                ": expected " #condition);    \
    }                                                                         \
  } while (false)

#endif  // BPF_RINGBUF_TEST_NATIVE_TEST_H_
