// What libbpf writes for usdt.bpf.h: where the arguments of a probe are.
#ifndef BPF_RINGBUF_NATIVE_CORE_USDT_SPECS_H_
#define BPF_RINGBUF_NATIVE_CORE_USDT_SPECS_H_

#include <bpf/libbpf.h>

namespace bpf_ringbuf {

// Whether the object's programs find there what libbpf has written. Its
// usdt.bpf.h may be of another libbpf: in 1.7 the description of an argument is
// larger.
bool AreUsdtSpecsReadable(const bpf_object* object);

}  // namespace bpf_ringbuf

#endif  // BPF_RINGBUF_NATIVE_CORE_USDT_SPECS_H_
