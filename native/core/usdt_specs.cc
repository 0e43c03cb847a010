#include "core/usdt_specs.h"

#include <bpf/bpf.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

namespace bpf_ringbuf {

namespace {

// struct __bpf_usdt_spec: descriptions of arguments, then these.
struct Tail {
  uint64_t cookie;
  int16_t argument_count;
};
constexpr int kMostArguments = 12;

}  // namespace

bool AreUsdtSpecsReadable(const bpf_object* object) {
  const bpf_map* map = bpf_object__find_map_by_name(object, "__bpf_usdt_specs");
  if (map == nullptr || bpf_map__value_size(map) <= sizeof(Tail)) return true;
  std::vector<uint8_t> spec(bpf_map__value_size(map));
  const auto tail_at = spec.end() - static_cast<ptrdiff_t>(sizeof(Tail));
  for (uint32_t i = 0; i < bpf_map__max_entries(map); i++) {
    if (bpf_map_lookup_elem(bpf_map__fd(map), &i, spec.data()) != 0) break;
    Tail tail = {};
    memcpy(&tail, &*tail_at, sizeof(tail));
    const bool describes = std::any_of(spec.begin(), tail_at,
                                       [](uint8_t byte) { return byte != 0; });
    if (tail.argument_count < 0 || tail.argument_count > kMostArguments ||
        (describes && tail.argument_count == 0)) {
      return false;
    }
  }
  return true;
}

}  // namespace bpf_ringbuf
