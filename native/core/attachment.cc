#include "core/attachment.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/perf_event.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <string>
#include <utility>

#include "core/info.h"

namespace bpf_ringbuf {

namespace {

// Of linux/bpf.h, which may be older than the kernel.
constexpr uint32_t kPerfEventLink = 7;

uint32_t LinkType(int fd) {
  bpf_link_info info = {};
  uint32_t size_bytes = sizeof(info);
  if (bpf_obj_get_info_by_fd(fd, &info, &size_bytes) != 0) return 0;
  return info.type;
}

class KernelLink final : public Attachment {
 public:
  explicit KernelLink(int fd) : fd_(fd) {}
  ~KernelLink() override { Release(false); }

  int fd() const override { return fd_; }

  void Release(bool pinned) override {
    if (fd_ < 0) return;
    // Closing detaches when nobody has a copy. Links that can be detached
    // whoever has one are.
    if (!pinned) bpf_link_detach(fd_);
    close(std::exchange(fd_, -1));
  }

  int Detach() override { return bpf_link_detach(fd_); }
  int Update(int program_fd) override {
    return bpf_link_update(fd_, program_fd, nullptr);
  }

 private:
  int fd_;
};

class LibbpfLink final : public Attachment {
 public:
  explicit LibbpfLink(bpf_link* link) : link_(link) {}
  ~LibbpfLink() override { Release(false); }

  int fd() const override {
    // A link of libbpf's own, of several, says 0.
    const int fd = bpf_link__fd(link_);
    return fd > 0 ? fd : -1;
  }

  void Release(bool pinned) override {
    if (link_ == nullptr) return;
    if (!pinned) bpf_link__detach(link_);
    // libbpf disables the perf event that the link is of: a pinned one would
    // not sample any more. This enables those that this thread has opened, and
    // it has opened this one.
    const bool disables =
        pinned && fd() >= 0 && LinkType(fd()) == kPerfEventLink;
    bpf_link__destroy(std::exchange(link_, nullptr));
    if (disables) prctl(PR_TASK_PERF_EVENTS_ENABLE, 0, 0, 0, 0);
  }

  int Detach() override {
    return fd() < 0 ? -EOPNOTSUPP : bpf_link_detach(fd());
  }
  int Update(int program_fd) override {
    return fd() < 0 ? -EOPNOTSUPP : bpf_link_update(fd(), program_fd, nullptr);
  }

 private:
  bpf_link* link_;
};

class TcFilter final : public Attachment {
 public:
  TcFilter(const bpf_tc_hook& hook, const bpf_tc_opts& filter)
      : hook_(hook), filter_(filter) {}

  void Release(bool /*pinned*/) override { Detach(); }

  int Detach() override {
    if (std::exchange(detached_, true)) return 0;
    bpf_tc_opts filter = filter_;
    filter.prog_fd = 0;
    filter.prog_id = 0;
    filter.flags = 0;
    return bpf_tc_detach(&hook_, &filter);
  }

  int Update(int program_fd) override {
    if (detached_) return -ENOLINK;
    bpf_tc_opts filter = filter_;
    filter.prog_fd = program_fd;
    filter.prog_id = 0;
    filter.flags = BPF_TC_F_REPLACE;
    return bpf_tc_attach(&hook_, &filter);
  }

 private:
  const bpf_tc_hook hook_;
  const bpf_tc_opts filter_;
  bool detached_ = false;
};

class SocketProgram final : public Attachment {
 public:
  SocketProgram(int fd, bool is_reuseport)
      : fd_(fd), is_reuseport_(is_reuseport) {}

  int Attach(int program_fd) {
    const int name = is_reuseport_ ? SO_ATTACH_REUSEPORT_EBPF : SO_ATTACH_BPF;
    struct stat status = {};
    if (fstat(fd_, &status) != 0) return -errno;
    if (setsockopt(fd_, SOL_SOCKET, name, &program_fd, sizeof(program_fd)) !=
        0) {
      return -errno;
    }
    inode_ = status.st_ino;
    device_ = status.st_dev;
    attached_ = true;
    return 0;
  }

  void Release(bool /*pinned*/) override { Detach(); }

  int Detach() override {
    if (!std::exchange(attached_, false)) return 0;
    // The socket may be closed, and another file have its number.
    if (!IsSameSocket()) return 0;
    constexpr int kDetachReuseport = 68;  // SO_DETACH_REUSEPORT_BPF, Linux 5.3
    const int name = is_reuseport_ ? kDetachReuseport : SO_DETACH_BPF;
    const int none = 0;
    return setsockopt(fd_, SOL_SOCKET, name, &none, sizeof(none)) == 0 ? 0
                                                                       : -errno;
  }

  int Update(int program_fd) override {
    return attached_ && IsSameSocket() ? Attach(program_fd) : -ENOLINK;
  }

 private:
  bool IsSameSocket() const {
    struct stat status = {};
    return fstat(fd_, &status) == 0 && status.st_ino == inode_ &&
           status.st_dev == device_;
  }

  const int fd_;
  const bool is_reuseport_;
  bool attached_ = false;
  ino_t inode_ = 0;
  dev_t device_ = 0;
};

class SockmapProgram final : public Attachment {
 public:
  SockmapProgram(int program_fd, int map_fd, bpf_attach_type type)
      : program_fd_(program_fd), map_fd_(map_fd), type_(type) {}
  ~SockmapProgram() override { CloseDescriptors(); }

  void Release(bool /*pinned*/) override {
    Detach();
    CloseDescriptors();
  }

  int Detach() override {
    if (std::exchange(detached_, true)) return 0;
    return bpf_prog_detach2(program_fd_, map_fd_, type_);
  }

  int Update(int program_fd) override {
    if (detached_) return -ENOLINK;
    const int copy = fcntl(program_fd, F_DUPFD_CLOEXEC, 0);
    if (copy < 0) return -errno;
    const int error = bpf_prog_attach(copy, map_fd_, type_, 0);
    close(error == 0 ? std::exchange(program_fd_, copy) : copy);
    return error;
  }

 private:
  void CloseDescriptors() {
    if (program_fd_ >= 0) close(std::exchange(program_fd_, -1));
    if (map_fd_ >= 0) close(std::exchange(map_fd_, -1));
  }

  int program_fd_;
  int map_fd_;
  const bpf_attach_type type_;
  bool detached_ = false;
};

}  // namespace

AttachmentPtr TakeLink(bpf_link* link) {
  if (link == nullptr) return nullptr;
  return std::make_unique<LibbpfLink>(link);
}

AttachmentPtr TakeLinkFd(int fd) {
  if (fd < 0) {
    errno = -fd;
    return nullptr;
  }
  return std::make_unique<KernelLink>(fd);
}

AttachmentPtr OpenPinnedLink(const char* path) {
  const int fd = bpf_obj_get(path);
  if (fd < 0) return nullptr;
  const std::string name = NameOfDescriptor(fd);
  // "bpf-link", "bpf_link", "[bpf-link]"; without /proc it is not known.
  if (!name.empty() && name.find("link") == std::string::npos) {
    close(fd);
    errno = EINVAL;
    return nullptr;
  }
  return TakeLinkFd(fd);
}

AttachmentPtr CreateLink(int program_fd, uint32_t target, uint32_t attach_type,
                         uint32_t flags, const std::vector<uint32_t>& more) {
  std::vector<uint32_t> attributes = {static_cast<uint32_t>(program_fd), target,
                                      attach_type, flags};
  attributes.insert(attributes.end(), more.begin(), more.end());
  const long fd = syscall(SYS_bpf, BPF_LINK_CREATE, attributes.data(),
                          attributes.size() * sizeof(uint32_t));
  return TakeLinkFd(fd < 0 ? -errno : static_cast<int>(fd));
}

AttachmentPtr AttachPerfEvent(const bpf_program* program,
                              const PerfEvent& event, int pid, int cpu) {
  perf_event_attr attributes = {};
  attributes.size = sizeof(attributes);
  attributes.type = event.type;
  attributes.config = event.config;
  attributes.sample_period = event.sample;  // a union with sample_freq
  attributes.freq = event.is_frequency;
  // Threads, and processes, that the task starts from now on.
  attributes.inherit = !event.of_cgroup && cpu < 0;
  const long flags =
      PERF_FLAG_FD_CLOEXEC | (event.of_cgroup ? PERF_FLAG_PID_CGROUP : 0);
  const long fd =
      syscall(SYS_perf_event_open, &attributes, pid, cpu, -1, flags);
  if (fd < 0) return nullptr;
  LIBBPF_OPTS(bpf_perf_event_opts, options, .bpf_cookie = event.cookie);
  bpf_link* link = bpf_program__attach_perf_event_opts(
      program, static_cast<int>(fd), &options);
  if (link == nullptr) {
    const int error = errno;
    close(static_cast<int>(fd));
    errno = error;
    return nullptr;
  }
  return TakeLink(link);
}

AttachmentPtr AttachTc(int program_fd, int ifindex,
                       bpf_tc_attach_point attach_point, uint32_t handle,
                       uint32_t priority) {
  bpf_tc_hook hook = {};
  hook.sz = sizeof(hook);
  hook.ifindex = ifindex;
  hook.attach_point = attach_point;
  const int error = bpf_tc_hook_create(&hook);
  if (error != 0 && error != -EEXIST) {
    errno = -error;
    return nullptr;
  }
  bpf_tc_opts filter = {};
  filter.sz = sizeof(filter);
  filter.prog_fd = program_fd;
  filter.handle = handle;
  filter.priority = priority;
  const int attach_error = bpf_tc_attach(&hook, &filter);
  if (attach_error != 0) {
    errno = -attach_error;
    return nullptr;
  }
  return std::make_unique<TcFilter>(hook, filter);
}

AttachmentPtr AttachSocket(int program_fd, int socket_fd, bool is_reuseport) {
  auto attachment = std::make_unique<SocketProgram>(socket_fd, is_reuseport);
  const int error = attachment->Attach(program_fd);
  if (error == 0) return attachment;
  errno = -error;
  return nullptr;
}

AttachmentPtr AttachSockmap(int program_fd, int map_fd, uint32_t attach_type) {
  AttachmentPtr link =
      CreateLink(program_fd, static_cast<uint32_t>(map_fd), attach_type, 0, {});
  if (link != nullptr || (errno != EINVAL && errno != EOPNOTSUPP)) return link;
  const auto type = static_cast<bpf_attach_type>(attach_type);
  const int error = bpf_prog_attach(program_fd, map_fd, type, 0);
  if (error != 0) {
    errno = -error;
    return nullptr;
  }
  const int program_copy = fcntl(program_fd, F_DUPFD_CLOEXEC, 0);
  const int map_copy = fcntl(map_fd, F_DUPFD_CLOEXEC, 0);
  if (program_copy >= 0 && map_copy >= 0) {
    return std::make_unique<SockmapProgram>(program_copy, map_copy, type);
  }
  const int copy_error = errno;
  bpf_prog_detach2(program_fd, map_fd, type);
  if (program_copy >= 0) close(program_copy);
  if (map_copy >= 0) close(map_copy);
  errno = copy_error;
  return nullptr;
}

}  // namespace bpf_ringbuf
