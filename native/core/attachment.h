// What keeps a program attached: a link of libbpf's, a link of the kernel's, or
// an older way to attach that is no link.
#ifndef BPF_RINGBUF_NATIVE_CORE_ATTACHMENT_H_
#define BPF_RINGBUF_NATIVE_CORE_ATTACHMENT_H_

#include <bpf/libbpf.h>
#include <errno.h>

#include <cstdint>
#include <memory>
#include <vector>

namespace bpf_ringbuf {

class Attachment {
 public:
  Attachment() = default;
  virtual ~Attachment() = default;
  Attachment(const Attachment&) = delete;
  Attachment& operator=(const Attachment&) = delete;

  // The descriptor of the kernel's link, or -1 where there is none.
  virtual int fd() const { return -1; }
  // Ends what this process holds. What is not `pinned` is detached; once.
  virtual void Release(bool pinned) = 0;
  // Detaches now, whoever else has the link: 0 or -errno.
  virtual int Detach() = 0;
  // Puts another program in the place of this one: 0 or -errno.
  virtual int Update(int program_fd) = 0;
  // The same of struct_ops, which are a map of the object, by its name.
  virtual int UpdateMap(const char* /*name*/) { return -EOPNOTSUPP; }
};

using AttachmentPtr = std::unique_ptr<Attachment>;

// Each gives nothing, with errno set, when it fails.

// Takes over what one of libbpf's attach functions gave, or null.
AttachmentPtr TakeLink(bpf_link* link);

// Takes over the descriptor of a link, or a negative error number.
AttachmentPtr TakeLinkFd(int fd);

// BPF_OBJ_GET. EINVAL when what is pinned there is no link.
AttachmentPtr OpenPinnedLink(const char* path);

// BPF_LINK_CREATE, for what this libbpf may not know: attributes of the target
// beyond the flags, as in union bpf_attr from byte 16 on.
AttachmentPtr CreateLink(int program_fd, uint32_t target, uint32_t attach_type,
                         uint32_t flags, const std::vector<uint32_t>& more);

struct PerfEvent {
  uint32_t type;
  uint64_t config;
  uint64_t sample;
  bool is_frequency;
  // `pid` of each target is the descriptor of a cgroup.
  bool of_cgroup;
  uint64_t cookie;
};

// perf_event_open() and bpf_program__attach_perf_event_opts() for a task on a
// CPU, -1 for any.
AttachmentPtr AttachPerfEvent(const bpf_program* program,
                              const PerfEvent& event, int pid, int cpu);

// bpf_tc_hook_create() and bpf_tc_attach(): a filter of a clsact qdisc.
AttachmentPtr AttachTc(int program_fd, int ifindex,
                       bpf_tc_attach_point attach_point, uint32_t handle,
                       uint32_t priority);

// SO_ATTACH_BPF, or SO_ATTACH_REUSEPORT_EBPF. Does not keep the socket open.
AttachmentPtr AttachSocket(int program_fd, int socket_fd, bool is_reuseport);

// A link of Linux 6.10, or bpf_prog_attach().
AttachmentPtr AttachSockmap(int program_fd, int map_fd, uint32_t attach_type);

// bpf_map__attach_struct_ops(). ENOENT when the object has no such map; the
// object may close before the attachment, and is null then.
AttachmentPtr AttachStructOps(std::shared_ptr<bpf_object* const> object,
                              const char* name);

}  // namespace bpf_ringbuf

#endif  // BPF_RINGBUF_NATIVE_CORE_ATTACHMENT_H_
