#include "core/map_claim.h"

#include <mutex>
#include <set>

namespace bpf_ringbuf {

namespace {

std::mutex mutex;
std::set<uint32_t>& Taken() {
  // Goes when the addon is unloaded, with the last environment that has it.
  static std::set<uint32_t> taken;
  return taken;
}

}  // namespace

std::unique_ptr<MapClaim> MapClaim::Take(uint32_t map_id) {
  const std::lock_guard<std::mutex> lock(mutex);
  if (!Taken().insert(map_id).second) return nullptr;
  return std::unique_ptr<MapClaim>(new MapClaim(map_id));
}

MapClaim::~MapClaim() {
  const std::lock_guard<std::mutex> lock(mutex);
  Taken().erase(map_id_);
}

}  // namespace bpf_ringbuf
