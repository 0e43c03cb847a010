// Functions of the addon that open a map without an object: a new one, or by a
// pin, an id or a descriptor.
#ifndef BPF_RINGBUF_NATIVE_BINDING_MAP_CREATE_H_
#define BPF_RINGBUF_NATIVE_BINDING_MAP_CREATE_H_

#include <napi.h>

#include "binding/addon.h"

namespace bpf_ringbuf {

void InitMapCreation(Napi::Env env, Environment* environment,
                     Napi::Object exports);

}  // namespace bpf_ringbuf

#endif  // BPF_RINGBUF_NATIVE_BINDING_MAP_CREATE_H_
