// Attaching maps of struct_ops, which stand for programs.
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include <utility>

#include "core/attachment.h"
#include "core/libbpf_version.h"

namespace bpf_ringbuf {

namespace {

// Before Linux 6.4, and for maps of the section ".struct_ops", which are
// attached by their update and detached by their delete: the object's
// descriptor, which it may close before this.
class StructOpsMap final : public Attachment {
 public:
  StructOpsMap(bpf_link* link, int map_fd) : link_(link), map_fd_(map_fd) {}
  ~StructOpsMap() override {
    bpf_link__disconnect(link_);
    bpf_link__destroy(link_);
    if (map_fd_ >= 0) close(map_fd_);
  }

  void Release(bool /*pinned*/) override {
    Detach();
    if (map_fd_ >= 0) close(std::exchange(map_fd_, -1));
  }

  int Detach() override {
    if (std::exchange(detached_, true)) return 0;
    const uint32_t key = 0;
    return bpf_map_delete_elem(map_fd_, &key);
  }

  int Update(int /*program_fd*/) override { return -EOPNOTSUPP; }

 private:
  bpf_link* link_;
  int map_fd_;
  bool detached_ = false;
};

// Since Linux 6.4 of maps of the section ".struct_ops.link".
class StructOpsLink final : public Attachment {
 public:
  StructOpsLink(bpf_link* link, std::shared_ptr<bpf_object* const> object)
      : owner_(TakeLink(link)), link_(link), object_(std::move(object)) {}

  int fd() const override { return owner_->fd(); }
  void Release(bool pinned) override { owner_->Release(pinned); }
  int Detach() override { return owner_->Detach(); }
  int Update(int program_fd) override { return owner_->Update(program_fd); }

  int UpdateMap(const char* name) override {
    if (*object_ == nullptr) return -EBADF;
    const bpf_map* map = bpf_object__find_map_by_name(*object_, name);
    if (map == nullptr) return -ENOENT;
#if LIBBPF_AT_LEAST(2)
    return bpf_link__update_map(link_, map);
#else
    // It makes no such links.
    return link_ == nullptr ? -EBADF : -EOPNOTSUPP;
#endif
  }

 private:
  const AttachmentPtr owner_;
  bpf_link* const link_;
  const std::shared_ptr<bpf_object* const> object_;
};

}  // namespace

AttachmentPtr AttachStructOps(std::shared_ptr<bpf_object* const> object,
                              const char* name) {
  const bpf_map* map = bpf_object__find_map_by_name(*object, name);
  if (map == nullptr) return nullptr;
  bpf_link* link = bpf_map__attach_struct_ops(map);
  if (link == nullptr) return nullptr;
  const int map_fd = bpf_map__fd(map);
  if (bpf_link__fd(link) != map_fd) {
    return std::make_unique<StructOpsLink>(link, std::move(object));
  }
  const int copy = fcntl(map_fd, F_DUPFD_CLOEXEC, 0);
  if (copy >= 0) return std::make_unique<StructOpsMap>(link, copy);
  const int error = errno;
  bpf_link__destroy(link);
  errno = error;
  return nullptr;
}

}  // namespace bpf_ringbuf
