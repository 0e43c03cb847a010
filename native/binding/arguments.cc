#include "binding/arguments.h"

#include <cmath>
#include <cstring>
#include <limits>

namespace bpf_ringbuf {

namespace {

// napi_get_value_uint32() and its kind wrap numbers around.
template <typename Integer>
bool ReadInteger(napi_env env, napi_value value, Integer* read) {
  double number;
  if (napi_get_value_double(env, value, &number) != napi_ok) return false;
  // Beyond 2^53 not every integer is a number.
  constexpr double kLargest = 1ULL << 53;
  const double least = std::numeric_limits<Integer>::min();
  const double most = std::min(
      kLargest, static_cast<double>(std::numeric_limits<Integer>::max()));
  // False of NaN.
  if (!(number >= least && number <= most)) return false;
  if (number != std::trunc(number)) return false;
  *read = static_cast<Integer>(number);
  return true;
}

bool HasType(napi_env env, napi_value value, napi_valuetype expected) {
  napi_valuetype type;
  return napi_typeof(env, value, &type) == napi_ok && type == expected;
}

bool ReadTypedArray(napi_env env, napi_value value,
                    napi_typedarray_type expected, void** data,
                    size_t* length) {
  napi_typedarray_type type;
  return napi_get_typedarray_info(env, value, &type, length, data, nullptr,
                                  nullptr) == napi_ok &&
         type == expected;
}

template <typename Item>
bool ReadItems(napi_env env, napi_value value, napi_typedarray_type type,
               std::vector<Item>* read) {
  void* data = nullptr;
  size_t length = 0;
  if (!ReadTypedArray(env, value, type, &data, &length)) return false;
  const auto* first = static_cast<const Item*>(data);
  read->assign(first, first + length);
  return true;
}

}  // namespace

bool ReadValue(napi_env env, napi_value value, bool* read) {
  return napi_get_value_bool(env, value, read) == napi_ok;
}

bool ReadValue(napi_env env, napi_value value, int32_t* read) {
  return ReadInteger(env, value, read);
}

bool ReadValue(napi_env env, napi_value value, uint32_t* read) {
  return ReadInteger(env, value, read);
}

bool ReadValue(napi_env env, napi_value value, uint64_t* read) {
  return ReadInteger(env, value, read);
}

bool ReadValue(napi_env env, napi_value value, std::string* read) {
  size_t length = 0;
  if (napi_get_value_string_utf8(env, value, nullptr, 0, &length) != napi_ok) {
    return false;
  }
  read->resize(length + 1);
  const napi_status status = napi_get_value_string_utf8(
      env, value, read->data(), read->size(), &length);
  read->resize(length);
  return status == napi_ok;
}

bool ReadValue(napi_env env, napi_value value, Bytes* read) {
  void* data = nullptr;
  if (!ReadTypedArray(env, value, napi_uint8_array, &data, &read->size_bytes)) {
    return false;
  }
  read->data = static_cast<uint8_t*>(data);
  return true;
}

bool ReadValue(napi_env env, napi_value value, std::optional<Bytes>* read) {
  read->reset();
  if (HasType(env, value, napi_undefined)) return true;
  Bytes bytes;
  if (!ReadValue(env, value, &bytes)) return false;
  *read = bytes;
  return true;
}

bool ReadValue(napi_env env, napi_value value, std::vector<int32_t>* read) {
  return ReadItems(env, value, napi_int32_array, read);
}

bool ReadValue(napi_env env, napi_value value, std::vector<uint64_t>* read) {
  return ReadItems(env, value, napi_biguint64_array, read);
}

bool ReadValue(napi_env env, napi_value value, Word* read) {
  bool lossless = false;
  return napi_get_value_bigint_uint64(env, value, &read->value, &lossless) ==
             napi_ok &&
         lossless;
}

bool ReadValue(napi_env env, napi_value value, std::vector<std::string>* read) {
  constexpr uint32_t kMostItems = 1 << 20;
  bool is_array = false;
  uint32_t length = 0;
  if (napi_is_array(env, value, &is_array) != napi_ok || !is_array ||
      napi_get_array_length(env, value, &length) != napi_ok ||
      length > kMostItems) {
    return false;
  }
  read->resize(length);
  for (uint32_t i = 0; i < length; ++i) {
    napi_value item;
    if (napi_get_element(env, value, i, &item) != napi_ok ||
        !ReadValue(env, item, &(*read)[i])) {
      return false;
    }
  }
  return true;
}

bool ReadValue(napi_env env, napi_value value, Napi::Float64Array* read) {
  void* data = nullptr;
  size_t length = 0;
  if (!ReadTypedArray(env, value, napi_float64_array, &data, &length)) {
    return false;
  }
  *read = Napi::Float64Array(env, value);
  return true;
}

bool ReadValue(napi_env env, napi_value value, Napi::Function* read) {
  if (!HasType(env, value, napi_function)) return false;
  *read = Napi::Function(env, value);
  return true;
}

Napi::Value NewBytes(napi_env env, const void* data, size_t size_bytes) {
  void* memory = nullptr;
  napi_value buffer;
  napi_value bytes;
  if (napi_create_arraybuffer(env, size_bytes, &memory, &buffer) != napi_ok ||
      napi_create_typedarray(env, napi_uint8_array, size_bytes, buffer, 0,
                             &bytes) != napi_ok) {
    napi_throw_error(env, nullptr, "Node-API failed");  // unless one is pending
    return {};
  }
  if (size_bytes != 0) memcpy(memory, data, size_bytes);
  return {env, bytes};
}

void ThrowTypeError(napi_env env, const char* message) {
  napi_throw_type_error(env, "ERR_INVALID_ARG_TYPE", message);
}

}  // namespace bpf_ringbuf
