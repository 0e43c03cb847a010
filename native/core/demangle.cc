#include "core/demangle.h"

#include <cxxabi.h>

#include <cstdlib>
#include <memory>

namespace bpf_ringbuf {

namespace {

// As libstdc++ has it; it takes stack in proportion to the length.
constexpr size_t kLongestName = 1024;
// What the result may come to by the estimate, which is far above what it does:
// of node's 81,000 C++ names 20 exceed it.
constexpr double kLongestEstimate = 16 << 20;
constexpr size_t kLongestResult = 1 << 16;
constexpr double kCubeRootOf3 = 1.4422495703074083;

bool IsSequence(char c) {
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z');
}

// An upper bound of the result's length, but for constant factors. A part that
// is made of n references to another is n times as long, and with r references
// in all the product of such numbers is at most 3^(r/3). A pack expansion
// ("Dp") repeats its pattern for each element of a pack.
double EstimateLength(const std::string& name) {
  const auto length = static_cast<double>(name.size());
  double estimate = length;
  for (size_t i = 0; i + 1 < name.size(); i++) {
    if (name[i] == 'D' && name[i + 1] == 'p') estimate *= length;
    if (name[i] != 'S' && name[i] != 'T') continue;
    size_t end = i + 1;
    while (end < name.size() && IsSequence(name[end])) end++;
    if (end < name.size() && name[end] == '_') estimate *= kCubeRootOf3;
  }
  return estimate;
}

}  // namespace

std::optional<std::string> Demangle(const std::string& name) {
  if (name.size() > kLongestName || name.rfind("_Z", 0) != 0) return {};
  if (name.find('\0') != std::string::npos) return {};
  if (EstimateLength(name) > kLongestEstimate) return {};
  int status = 0;
  const std::unique_ptr<char, decltype(&free)> result(
      abi::__cxa_demangle(name.c_str(), nullptr, nullptr, &status), &free);
  if (result == nullptr || status != 0) return {};
  std::string text(result.get());
  if (text.size() > kLongestResult) return {};
  return text;
}

}  // namespace bpf_ringbuf
