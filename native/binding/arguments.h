// The arguments of a call from JavaScript, checked.
#ifndef BPF_RINGBUF_NATIVE_BINDING_ARGUMENTS_H_
#define BPF_RINGBUF_NATIVE_BINDING_ARGUMENTS_H_

#include <napi.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace bpf_ringbuf {

// The memory of a Uint8Array, valid until the call returns. Of one that was
// detached, or has shrunk, nothing.
struct Bytes {
  uint8_t* data;
  size_t size_bytes;
};

// A BigInt of 64 bits.
struct Word {
  uint64_t value;
};

// Each reads one value, and is false when it is of another type, or when
// Node-API fails. Numbers are integers that fit.
bool ReadValue(napi_env env, napi_value value, bool* read);
bool ReadValue(napi_env env, napi_value value, int32_t* read);
bool ReadValue(napi_env env, napi_value value, uint32_t* read);
bool ReadValue(napi_env env, napi_value value, uint64_t* read);
bool ReadValue(napi_env env, napi_value value, Word* read);
bool ReadValue(napi_env env, napi_value value, std::string* read);
// Of an array that is not longer than 2^20.
bool ReadValue(napi_env env, napi_value value, std::vector<std::string>* read);
bool ReadValue(napi_env env, napi_value value, Bytes* read);
// Nothing for undefined.
bool ReadValue(napi_env env, napi_value value, std::optional<Bytes>* read);
bool ReadValue(napi_env env, napi_value value, std::vector<int32_t>* read);
bool ReadValue(napi_env env, napi_value value, std::vector<uint64_t>* read);
bool ReadValue(napi_env env, napi_value value, Napi::Float64Array* read);
bool ReadValue(napi_env env, napi_value value, Napi::Function* read);

// Makes `message` a pending TypeError. While a worker is being terminated that
// cannot be, and does not matter.
void ThrowTypeError(napi_env env, const char* message);

// A Uint8Array with memory of its own. Empty, with an exception pending, when
// Node-API fails.
Napi::Value NewBytes(napi_env env, const void* data, size_t size_bytes);

// Reads the leading arguments of a call, all or none: when one is missing or
// wrong, the call is its caller's mistake, and a TypeError is pending. Lists in
// lib/addon what is right.
template <typename... T>
bool ReadArguments(const Napi::CallbackInfo& info, T*... read) {
  bool right = info.Length() >= sizeof...(T);
  size_t index = 0;
  ((right = right && ReadValue(info.Env(), info[index++], read)), ...);
  if (!right) ThrowTypeError(info.Env(), "An argument is missing or wrong");
  return right;
}

}  // namespace bpf_ringbuf

#endif  // BPF_RINGBUF_NATIVE_BINDING_ARGUMENTS_H_
