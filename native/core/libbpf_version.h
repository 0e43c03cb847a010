// Which libbpf this is compiled against; the one at run time may be newer.
#ifndef BPF_RINGBUF_NATIVE_CORE_LIBBPF_VERSION_H_
#define BPF_RINGBUF_NATIVE_CORE_LIBBPF_VERSION_H_

#include <bpf/libbpf.h>

// 1.`minor` or newer.
#define LIBBPF_AT_LEAST(minor) \
  (LIBBPF_MAJOR_VERSION > 1 || \
   (LIBBPF_MAJOR_VERSION == 1 && LIBBPF_MINOR_VERSION >= (minor)))

#endif  // BPF_RINGBUF_NATIVE_CORE_LIBBPF_VERSION_H_
