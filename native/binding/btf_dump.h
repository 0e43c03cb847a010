// The function of the addon that writes C declarations.
#ifndef BPF_RINGBUF_NATIVE_BINDING_BTF_DUMP_H_
#define BPF_RINGBUF_NATIVE_BINDING_BTF_DUMP_H_

#include <napi.h>

#include "binding/addon.h"

namespace bpf_ringbuf {

void InitBtfDump(Napi::Env env, Environment* environment, Napi::Object exports);

}  // namespace bpf_ringbuf

#endif  // BPF_RINGBUF_NATIVE_BINDING_BTF_DUMP_H_
