// Functions of the addon that find out what this kernel has.
#ifndef BPF_RINGBUF_NATIVE_BINDING_PROBE_H_
#define BPF_RINGBUF_NATIVE_BINDING_PROBE_H_

#include <napi.h>

#include "binding/addon.h"

namespace bpf_ringbuf {

void InitProbes(Napi::Env env, Environment* environment, Napi::Object exports);

}  // namespace bpf_ringbuf

#endif  // BPF_RINGBUF_NATIVE_BINDING_PROBE_H_
