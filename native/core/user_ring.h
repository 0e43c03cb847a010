// A BPF_MAP_TYPE_USER_RINGBUF map as its producer in user space. Kernel 6.1 and
// libbpf 1.1 or newer.
#ifndef BPF_RINGBUF_NATIVE_CORE_USER_RING_H_
#define BPF_RINGBUF_NATIVE_CORE_USER_RING_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>

#include "core/map_claim.h"

struct user_ring_buffer;

namespace bpf_ringbuf {

// Waits until programs have drained a ring. Outlives the ring: a thread may
// still be in Wait() when that is closed.
class RoomWatch {
 public:
  static int Open(int map_fd, std::shared_ptr<RoomWatch>* watch);
  ~RoomWatch();
  RoomWatch(const RoomWatch&) = delete;
  RoomWatch& operator=(const RoomWatch&) = delete;

  // Blocks until a drain since the last Wait(), End(), or the time is over. One
  // thread at a time.
  void Wait(int timeout_ms);
  // Ends this and every later Wait(). Any thread.
  void End();

 private:
  RoomWatch() = default;

  int epoll_fd_ = -1;
  int end_fd_ = -1;  // an eventfd
};

// Samples are reserved, filled and submitted by one thread. Programs take them
// in the order in which they were reserved: one that is neither submitted nor
// discarded holds back those behind it.
class UserRing {
 public:
  // `map_fd` stays the caller's. Returns 0, -EOPNOTSUPP when this was built
  // with a libbpf that has no user ring buffers, -EINVAL when the map is none,
  // -EBUSY when another producer of this process has it, or another -errno.
  static int Open(int map_fd, std::unique_ptr<UserRing>* ring);
  // Discards what was reserved.
  ~UserRing();
  UserRing(const UserRing&) = delete;
  UserRing& operator=(const UserRing&) = delete;

  // Each returns -ENOSPC when there is no room now, -E2BIG when there never is.
  int Write(const void* data, uint32_t size_bytes);
  int Reserve(uint32_t size_bytes, uint32_t* number);
  // -ENOENT when there is no such reservation (any more), -EINVAL when `data`
  // has another size.
  int Submit(uint32_t number, const void* data, size_t size_bytes);
  int Discard(uint32_t number);

  const std::shared_ptr<RoomWatch>& room() const { return room_; }

 private:
  struct Sample {
    void* data;
    uint32_t size_bytes;
  };

  UserRing() = default;

  std::unique_ptr<MapClaim> claim_;
  int map_fd_ = -1;
  user_ring_buffer* ring_ = nullptr;
  std::shared_ptr<RoomWatch> room_;
  std::map<uint32_t, Sample> reserved_;
  uint32_t next_number_ = 0;
};

}  // namespace bpf_ringbuf

#endif  // BPF_RINGBUF_NATIVE_CORE_USER_RING_H_
