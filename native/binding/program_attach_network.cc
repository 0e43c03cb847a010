// Program's ways to be attached to cgroups, network devices and sockets.
#include <bpf/libbpf.h>

#include <cstdint>
#include <vector>

#include "binding/arguments.h"
#include "binding/program.h"
#include "core/attachment.h"

namespace bpf_ringbuf {

// bpf_program__attach_cgroup()
// attachCgroup(cgroupFd: number): Link | number
Napi::Value Program::AttachCgroup(const Napi::CallbackInfo& info) {
  int32_t cgroup_fd;
  if (!ReadArguments(info, &cgroup_fd)) return {};
  return AttachBy(info, [&] {
    return TakeLink(bpf_program__attach_cgroup(program_, cgroup_fd));
  });
}

// bpf_program__attach_netns()
// attachNetns(netnsFd: number): Link | number
Napi::Value Program::AttachNetns(const Napi::CallbackInfo& info) {
  int32_t netns_fd;
  if (!ReadArguments(info, &netns_fd)) return {};
  return AttachBy(info, [&] {
    return TakeLink(bpf_program__attach_netns(program_, netns_fd));
  });
}

// BPF_LINK_CREATE for XDP, TCX and netkit; the link that it comes before or
// after, as the flags say, or -1
// attachDevice(ifindex: number, attachType: number, flags: number,
//   relativeFd: number): Link | number
Napi::Value Program::AttachDevice(const Napi::CallbackInfo& info) {
  uint32_t ifindex;
  uint32_t attach_type;
  uint32_t flags;
  int32_t relative_fd;
  if (!ReadArguments(info, &ifindex, &attach_type, &flags, &relative_fd)) {
    return {};
  }
  return AttachBy(info, [&] {
    std::vector<uint32_t> more;
    if (relative_fd >= 0) more.push_back(static_cast<uint32_t>(relative_fd));
    return CreateLink(bpf_program__fd(program_), ifindex, attach_type, flags,
                      more);
  });
}

// BPF_LINK_CREATE
// attachNetfilter(family: number, hook: number, priority: number,
//   flags: number): Link | number
Napi::Value Program::AttachNetfilter(const Napi::CallbackInfo& info) {
  constexpr uint32_t kNetfilter = 45;  // BPF_NETFILTER
  uint32_t family;
  uint32_t hook;
  int32_t priority;
  uint32_t flags;
  if (!ReadArguments(info, &family, &hook, &priority, &flags)) return {};
  return AttachBy(info, [&] {
    return CreateLink(bpf_program__fd(program_), 0, kNetfilter, 0,
                      {family, hook, static_cast<uint32_t>(priority), flags});
  });
}

// bpf_tc_hook_create() and bpf_tc_attach()
// attachTc(ifindex: number, attachPoint: number, handle: number,
//   priority: number): Link | number
Napi::Value Program::AttachTc(const Napi::CallbackInfo& info) {
  int32_t ifindex;
  uint32_t attach_point;
  uint32_t handle;
  uint32_t priority;
  if (!ReadArguments(info, &ifindex, &attach_point, &handle, &priority)) {
    return {};
  }
  return AttachBy(info, [&] {
    return bpf_ringbuf::AttachTc(bpf_program__fd(program_), ifindex,
                                 static_cast<bpf_tc_attach_point>(attach_point),
                                 handle, priority);
  });
}

// SO_ATTACH_BPF, or SO_ATTACH_REUSEPORT_EBPF
// attachSocket(socketFd: number, isReuseport: boolean): Link | number
Napi::Value Program::AttachSocket(const Napi::CallbackInfo& info) {
  int32_t socket_fd;
  bool is_reuseport;
  if (!ReadArguments(info, &socket_fd, &is_reuseport)) return {};
  return AttachBy(info, [&] {
    return bpf_ringbuf::AttachSocket(bpf_program__fd(program_), socket_fd,
                                     is_reuseport);
  });
}

// BPF_LINK_CREATE, or bpf_prog_attach() before Linux 6.10
// attachSockmap(mapFd: number, attachType: number): Link | number
Napi::Value Program::AttachSockmap(const Napi::CallbackInfo& info) {
  int32_t map_fd;
  uint32_t attach_type;
  if (!ReadArguments(info, &map_fd, &attach_type)) return {};
  return AttachBy(info, [&] {
    return bpf_ringbuf::AttachSockmap(bpf_program__fd(program_), map_fd,
                                      attach_type);
  });
}

}  // namespace bpf_ringbuf
