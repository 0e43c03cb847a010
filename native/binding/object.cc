#include "binding/object.h"

#include <bpf/btf.h>
#include <elf.h>
#include <errno.h>
#include <sys/mman.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "binding/arguments.h"
#include "binding/map.h"
#include "binding/program.h"
#include "core/guard.h"
#include "core/libbpf_version.h"
#include "core/log.h"

namespace bpf_ringbuf {

void Object::Init(Napi::Env env, Environment* environment,
                  Napi::Object exports) {
  exports.Set(
      "Object",
      DefineClass(
          env, "Object",
          {
              InstanceMethod<&Object::Open>("open"),
              InstanceMethod<&Object::ForgetPins>("forgetPins"),
              InstanceMethod<&Object::Load>("load"),
              InstanceMethod<&Object::KernelVersion>("kernelVersion"),
              InstanceMethod<&Object::SetKernelVersion>("setKernelVersion"),
              InstanceMethod<&Object::Close>("close"),
              InstanceMethod<&Object::Btf>("btf"),
              InstanceMethod<&Object::Maps>("maps"),
              InstanceMethod<&Object::DataMap>("dataMap"),
              InstanceMethod<&Object::Programs>("programs"),
          },
          environment));
}

// new Object()
Object::Object(const Napi::CallbackInfo& info)
    : Napi::ObjectWrap<Object>(info),
      environment_(static_cast<Environment*>(info.Data())) {}

Object::~Object() { CloseHandle(); }

void Object::CloseHandle() {
  if (object_ == nullptr) return;
  environment_->Remove(this);
  for (const auto& [fd, section] : sections_) {
    munmap(section.data, section.size_bytes);
  }
  sections_.clear();
  if (keeps_kernel_btf_) FreeKernelBtf();
  bpf_object__close(object_);
  object_ = nullptr;
  *shared_ = nullptr;
  logs_.clear();
}

// A load of nothing, whether or not it succeeds.
void Object::FreeKernelBtf() {
  bpf_map* map = nullptr;
  while ((map = bpf_object__next_map(object_, map)) != nullptr) {
    bpf_map__set_autocreate(map, false);
  }
  bpf_program* program = nullptr;
  while ((program = bpf_object__next_program(object_, program)) != nullptr) {
    bpf_program__set_autoload(program, false);
  }
  const LogCapture capture;
  LoadGuarded();
}

// bpf_object__load() with what has to hold for it; 0 or -errno.
int Object::LoadGuarded() {
  size_t descriptors = kProbeDescriptors;
  const bpf_map* map = nullptr;
  while ((map = bpf_object__next_map(object_, map)) != nullptr) ++descriptors;
  bpf_program* program = nullptr;
  while ((program = bpf_object__next_program(object_, program)) != nullptr) {
    ++descriptors;
  }
  const int error = CheckDescriptors(descriptors);
  if (error != 0) return error;
  const SignalsBlocked blocked;
  keeps_kernel_btf_ = false;
  return bpf_object__load(object_);
}

uint8_t* Object::MapSection(int fd, size_t size_bytes, bool writable,
                            int* error) {
  const auto known = sections_.find(fd);
  if (known != sections_.end()) return known->second.data;
  void* mapped =
      mmap(nullptr, size_bytes, PROT_READ | (writable ? PROT_WRITE : 0),
           MAP_SHARED, fd, 0);
  if (mapped == MAP_FAILED) {
    *error = -errno;
    return nullptr;
  }
  auto* data = static_cast<uint8_t*>(mapped);
  sections_[fd] = {data, size_bytes};
  return data;
}

// bpf_object__open_mem()
// open(bytes: Uint8Array, name: string, pinRoot: string, tokenPath: string):
// number
//   -ENOTSUP with a tokenPath when libbpf is older than 1.4
Napi::Value Object::Open(const Napi::CallbackInfo& info) {
  Bytes bytes;
  std::string name;
  std::string pin_root;    // or nothing
  std::string token_path;  // likewise
  if (!ReadArguments(info, &bytes, &name, &pin_root, &token_path)) return {};
#if !LIBBPF_AT_LEAST(4)
  if (!token_path.empty()) return Napi::Number::New(info.Env(), -ENOTSUP);
#endif
  // Once: what it had would be out of reach.
  if (std::exchange(opened_, true)) {
    return Napi::Number::New(info.Env(), -EALREADY);
  }
  // Parsed in place: libelf and libbpf do not write to the image, and keep
  // nothing of it. libelf wants it aligned.
  std::vector<uint8_t> aligned;
  if (reinterpret_cast<uintptr_t>(bytes.data) % alignof(Elf64_Ehdr) != 0) {
    aligned.assign(bytes.data, bytes.data + bytes.size_bytes);
    bytes.data = aligned.data();
  }
  LIBBPF_OPTS(bpf_object_open_opts, options, .object_name = name.c_str());
  if (!pin_root.empty()) options.pin_root_path = pin_root.c_str();
#if LIBBPF_AT_LEAST(4)
  if (!token_path.empty()) options.bpf_token_path = token_path.c_str();
#endif
  const LogCapture capture;
  object_ = bpf_object__open_mem(bytes.data, bytes.size_bytes, &options);
  if (object_ == nullptr) {
    const int error = -errno;
    environment_->log = capture.text();
    return Napi::Number::New(info.Env(), error);
  }
  *shared_ = object_;
  environment_->Add(this);
  return Napi::Number::New(info.Env(), 0);
}

// bpf_map__set_pin_path(): what is declared as pinned by its name will not be.
// forgetPins(): void
Napi::Value Object::ForgetPins(const Napi::CallbackInfo& info) {
  if (closed()) return info.Env().Undefined();
  bpf_map* map = nullptr;
  bpf_object__for_each_map(map, object_) bpf_map__set_pin_path(map, nullptr);
  return info.Env().Undefined();
}

// bpf_object__load(): libbpf itself loads each program without a verifier log
// first, and on failure again with a log that grows until it fits.
// load(): number
Napi::Value Object::Load(const Napi::CallbackInfo& info) {
  if (closed()) return Napi::Number::New(info.Env(), -EBADF);
  const LogCapture capture;
  const int error = LoadGuarded();
  if (error != 0) environment_->log = capture.text();
  return Napi::Number::New(info.Env(), error);
}

// bpf_object__kversion()
// kernelVersion(): number
Napi::Value Object::KernelVersion(const Napi::CallbackInfo& info) {
  if (closed()) return Napi::Number::New(info.Env(), -EBADF);
  return Napi::Number::New(info.Env(), bpf_object__kversion(object_));
}

// bpf_object__set_kversion()
// setKernelVersion(version: number): number
Napi::Value Object::SetKernelVersion(const Napi::CallbackInfo& info) {
  uint32_t version;
  if (!ReadArguments(info, &version)) return {};
  return Napi::Number::New(
      info.Env(),
      closed() ? -EBADF : bpf_object__set_kversion(object_, version));
}

// bpf_object__close()
// close(): void
Napi::Value Object::Close(const Napi::CallbackInfo& info) {
  CloseHandle();
  return info.Env().Undefined();
}

// btf__raw_data(): the object's BTF with the offsets that libbpf filled in.
// btf(): Uint8Array | undefined
Napi::Value Object::Btf(const Napi::CallbackInfo& info) {
  const btf* types = closed() ? nullptr : bpf_object__btf(object_);
  if (types == nullptr) return info.Env().Undefined();
  uint32_t size_bytes = 0;
  const void* data = btf__raw_data(types, &size_bytes);
  if (data == nullptr) return info.Env().Undefined();
  return Napi::Buffer<uint8_t>::Copy(
      info.Env(), static_cast<const uint8_t*>(data), size_bytes);
}

// bpf_object__next_map(), without the maps that libbpf makes of data sections
// maps(): Map[]
Napi::Value Object::Maps(const Napi::CallbackInfo& info) {
  Napi::Array maps = Napi::Array::New(info.Env());
  if (closed() || maps.IsEmpty()) return maps;
  uint32_t index = 0;
  bpf_map* map = nullptr;
  while ((map = bpf_object__next_map(object_, map)) != nullptr) {
    if (bpf_map__is_internal(map)) continue;
    const Napi::Value wrapped = Map::Wrap(environment_, this, map);
    if (wrapped.IsEmpty()) return {};
    maps.Set(index++, wrapped);
  }
  return maps;
}

// bpf_object__find_map_by_name() with the name of a data section
// dataMap(section: string): Map | undefined
Napi::Value Object::DataMap(const Napi::CallbackInfo& info) {
  std::string section;
  if (!ReadArguments(info, &section)) return {};
  bpf_map* map = closed()
                     ? nullptr
                     : bpf_object__find_map_by_name(object_, section.c_str());
  if (map == nullptr) return info.Env().Undefined();
  return Map::Wrap(environment_, this, map);
}

// bpf_object__next_program()
// programs(): Program[]
Napi::Value Object::Programs(const Napi::CallbackInfo& info) {
  Napi::Array programs = Napi::Array::New(info.Env());
  if (closed() || programs.IsEmpty()) return programs;
  uint32_t index = 0;
  bpf_program* program = nullptr;
  while ((program = bpf_object__next_program(object_, program)) != nullptr) {
    const Napi::Value wrapped = Program::Wrap(environment_, this, program);
    if (wrapped.IsEmpty()) return {};
    programs.Set(index++, wrapped);
  }
  return programs;
}

}  // namespace bpf_ringbuf
