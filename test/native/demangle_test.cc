#include "core/demangle.h"

#include <chrono>

#include "test.h"

namespace bpf_ringbuf {
namespace {

// f(int, void (*)(int, int, int), …): each parameter is a function of three of
// the one before, so that the last is 3^levels times as long as the first.
std::string Tripled(int levels) {
  std::string name = "_Z1fiPFviiiE";
  std::string last = "S0_";
  for (int level = 1; level < levels; level++) {
    name += "PFv" + last + last + last + "E";
    // The function's type is one part that can be referred to, the pointer
    // another.
    const int index = 2 * level;
    last = "S";
    if (index >= 36) last += std::string(1, "0123456789ABCDEF"[index / 36]);
    last += "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"[index % 36];
    last += "_";
  }
  return name;
}

TEST("demangle: names of C++") {
  EXPECT(Demangle("_ZN5outer3BoxIiE4workEi") == "outer::Box<int>::work(int)");
  EXPECT(Demangle("_Z1fv.cold") == "f() [clone .cold]");
  EXPECT(Demangle("_ZTV1A") == "vtable for A");
}

TEST("demangle: other names have no other name") {
  for (const char* name : {"", "main", "_Z", "_Z1", "_ZZZZ", "_Z9999999999f",
                           "_RNvC6_123foo3bar", "JS:~f x.js:1:2"}) {
    EXPECT(!Demangle(name).has_value());
  }
  EXPECT(!Demangle(std::string("_Z1fv\0x", 7)).has_value());
  EXPECT(!Demangle("_Z1f" + std::string(2000, 'i')).has_value());
}

TEST("demangle: names that refer to themselves end soon") {
  const auto start = std::chrono::steady_clock::now();
  int demangled = 0;
  for (int levels = 1; levels < 60; levels++) {
    if (Demangle(Tripled(levels)).has_value()) demangled++;
  }
  // Packs of packs.
  std::string name = "_Z1fIJ" + std::string(200, 'i') + "EEv";
  for (int depth = 0; depth < 10; depth++) {
    EXPECT(!Demangle(name + "DpT_").has_value() || depth < 3);
    name += "Dp1AI";
  }
  const auto passed = std::chrono::steady_clock::now() - start;
  EXPECT(demangled >= 5);
  EXPECT(demangled < 15);
  EXPECT(passed < std::chrono::seconds(20));
}

}  // namespace
}  // namespace bpf_ringbuf
