#include "core/user_ring.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cstring>
#include <utility>

#include "core/libbpf_version.h"

namespace bpf_ringbuf {

#if LIBBPF_AT_LEAST(1)

int RoomWatch::Open(int map_fd, std::shared_ptr<RoomWatch>* watch) {
  std::shared_ptr<RoomWatch> opened(new RoomWatch);
  opened->epoll_fd_ = epoll_create1(EPOLL_CLOEXEC);
  if (opened->epoll_fd_ < 0) return -errno;
  opened->end_fd_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (opened->end_fd_ < 0) return -errno;
  // A ring counts as writable as soon as it is not full, which says nothing of
  // the room for a sample: only the edge, a drain, is news.
  epoll_event event = {};
  event.events = EPOLLOUT | EPOLLET;
  if (epoll_ctl(opened->epoll_fd_, EPOLL_CTL_ADD, map_fd, &event) != 0) {
    return -errno;
  }
  event.events = EPOLLIN;
  if (epoll_ctl(opened->epoll_fd_, EPOLL_CTL_ADD, opened->end_fd_, &event) !=
      0) {
    return -errno;
  }
  *watch = std::move(opened);
  return 0;
}

RoomWatch::~RoomWatch() {
  if (epoll_fd_ >= 0) close(epoll_fd_);
  if (end_fd_ >= 0) close(end_fd_);
}

void RoomWatch::Wait(int timeout_ms) {
  epoll_event events[2];
  // Also when a signal interrupts it: whoever waits looks, and waits again.
  epoll_wait(epoll_fd_, events, 2, timeout_ms);
}

void RoomWatch::End() {
  const uint64_t one = 1;
  // It cannot fail: nobody takes from it or adds to it before it is full.
  if (write(end_fd_, &one, sizeof(one)) < 0) return;
}

int UserRing::Open(int map_fd, std::unique_ptr<UserRing>* ring) {
  bpf_map_info info = {};
  uint32_t info_bytes = sizeof(info);
  if (bpf_obj_get_info_by_fd(map_fd, &info, &info_bytes) != 0) return -errno;
  // BPF_MAP_TYPE_USER_RINGBUF, which older headers do not have.
  if (info.type != 31) return -EINVAL;
  std::unique_ptr<UserRing> opened(new UserRing);
  opened->claim_ = MapClaim::Take(info.id);
  if (opened->claim_ == nullptr) return -EBUSY;
  opened->map_fd_ = fcntl(map_fd, F_DUPFD_CLOEXEC, 0);
  if (opened->map_fd_ < 0) return -errno;
  const int error = RoomWatch::Open(opened->map_fd_, &opened->room_);
  if (error != 0) return error;
  opened->ring_ = user_ring_buffer__new(opened->map_fd_, nullptr);
  if (opened->ring_ == nullptr) return -errno;
  *ring = std::move(opened);
  return 0;
}

UserRing::~UserRing() {
  for (const auto& [number, sample] : reserved_) {
    user_ring_buffer__discard(ring_, sample.data);
  }
  user_ring_buffer__free(ring_);
  if (room_ != nullptr) room_->End();
  if (map_fd_ >= 0) close(map_fd_);
}

int UserRing::Write(const void* data, uint32_t size_bytes) {
  if (size_bytes == 0) return -EINVAL;
  void* sample = user_ring_buffer__reserve(ring_, size_bytes);
  if (sample == nullptr) return -errno;
  memcpy(sample, data, size_bytes);
  user_ring_buffer__submit(ring_, sample);
  return 0;
}

int UserRing::Reserve(uint32_t size_bytes, uint32_t* number) {
  if (size_bytes == 0) return -EINVAL;
  void* data = user_ring_buffer__reserve(ring_, size_bytes);
  if (data == nullptr) return -errno;
  // Numbers come again after 2^31, and some reservations may be that old.
  do next_number_ = (next_number_ + 1) & INT32_MAX;
  while (reserved_.count(next_number_) != 0);
  *number = next_number_;
  reserved_[*number] = {data, size_bytes};
  return 0;
}

int UserRing::Submit(uint32_t number, const void* data, size_t size_bytes) {
  const auto found = reserved_.find(number);
  if (found == reserved_.end()) return -ENOENT;
  const Sample sample = found->second;
  if (sample.size_bytes != size_bytes) return -EINVAL;
  memcpy(sample.data, data, size_bytes);
  user_ring_buffer__submit(ring_, sample.data);
  reserved_.erase(found);
  return 0;
}

int UserRing::Discard(uint32_t number) {
  const auto found = reserved_.find(number);
  if (found == reserved_.end()) return -ENOENT;
  user_ring_buffer__discard(ring_, found->second.data);
  reserved_.erase(found);
  return 0;
}

#else

RoomWatch::~RoomWatch() = default;
void RoomWatch::Wait(int) {}
void RoomWatch::End() {}

int UserRing::Open(int, std::unique_ptr<UserRing>*) { return -EOPNOTSUPP; }
UserRing::~UserRing() = default;
int UserRing::Write(const void*, uint32_t) { return -EOPNOTSUPP; }
int UserRing::Reserve(uint32_t, uint32_t*) { return -EOPNOTSUPP; }
int UserRing::Submit(uint32_t, const void*, size_t) { return -EOPNOTSUPP; }
int UserRing::Discard(uint32_t) { return -EOPNOTSUPP; }

#endif

}  // namespace bpf_ringbuf
