// One reader a kernel map, in the whole process.
#ifndef BPF_RINGBUF_NATIVE_CORE_MAP_CLAIM_H_
#define BPF_RINGBUF_NATIVE_CORE_MAP_CLAIM_H_

#include <cstdint>
#include <memory>

namespace bpf_ringbuf {

// Two consumers of a ring move the same position, and each record goes to one
// of them or to both. The same map may be in two objects (pinned by name) and
// in two threads, so maps are told apart by the kernel's id, which stays the
// map's as long as somebody holds a descriptor of it. Other processes are not
// seen.
class MapClaim {
 public:
  // Null when it is taken. Any thread.
  static std::unique_ptr<MapClaim> Take(uint32_t map_id);
  ~MapClaim();
  MapClaim(const MapClaim&) = delete;
  MapClaim& operator=(const MapClaim&) = delete;

 private:
  explicit MapClaim(uint32_t map_id) : map_id_(map_id) {}

  const uint32_t map_id_;
};

}  // namespace bpf_ringbuf

#endif  // BPF_RINGBUF_NATIVE_CORE_MAP_CLAIM_H_
