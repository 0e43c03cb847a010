// What the kernel says of what it has.
#ifndef BPF_RINGBUF_NATIVE_CORE_INFO_H_
#define BPF_RINGBUF_NATIVE_CORE_INFO_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace bpf_ringbuf {

// The name of a file of an anonymous inode, such as "anon_inode:bpf-link";
// empty where /proc is not mounted.
std::string NameOfDescriptor(int fd);

// What bpf_obj_get_info_by_fd() says of a link, zeros where the kernel says
// less; behind them the name of its target, if it has one: 0 or -errno.
constexpr size_t kLinkInfoBytes = 256;
int ReadLinkInfo(int fd, std::vector<uint8_t>* info);

// The same of a program, as many bytes as the kernel knows; behind them the ids
// of its maps.
int ReadProgramInfo(int fd, std::vector<uint8_t>* info);

}  // namespace bpf_ringbuf

#endif  // BPF_RINGBUF_NATIVE_CORE_INFO_H_
