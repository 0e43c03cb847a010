#include "binding/addon.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/membarrier.h>
#include <net/if.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <mutex>
#include <string>
#include <utility>

#include "binding/arguments.h"
#include "binding/btf_dump.h"
#include "binding/descriptor.h"
#include "binding/flight_recorder.h"
#include "binding/link.h"
#include "binding/map.h"
#include "binding/map_create.h"
#include "binding/map_handle.h"
#include "binding/object.h"
#include "binding/probe.h"
#include "binding/program.h"
#include "binding/reader.h"
#include "binding/user_ring_buffer.h"
#include "core/demangle.h"
#include "core/guard.h"
#include "core/log.h"

namespace bpf_ringbuf {

Environment* Environment::Make(napi_env env) {
  auto* environment = new Environment(env);
  napi_status status =
      napi_add_env_cleanup_hook(env, Cleanup, &environment->hooks_[0]);
  if (status == napi_ok) {
    status = napi_set_instance_data(
        env, environment,
        [](napi_env, void* made, void*) {
          delete static_cast<Environment*>(made);
        },
        nullptr);
    if (status == napi_ok) return environment;
    napi_remove_env_cleanup_hook(env, Cleanup, &environment->hooks_[0]);
  }
  delete environment;
  napi_throw_error(env, nullptr, "Node-API failed");
  return nullptr;
}

void Environment::Add(Closable* closable) { live_.push_back(closable); }

void Environment::Remove(Closable* closable) { live_.remove(closable); }

bool Environment::RenewCleanupHook() {
  const size_t next = 1 - hook_;
  if (napi_add_env_cleanup_hook(env_, Cleanup, &hooks_[next]) != napi_ok) {
    return false;
  }
  napi_remove_env_cleanup_hook(env_, Cleanup, &hooks_[hook_]);
  hook_ = next;
  return true;
}

Napi::Value Environment::Construct(const Napi::FunctionReference& constructor,
                                   void* parts) {
  napi_value function = nullptr;
  napi_value instance = nullptr;
  napi_status status = napi_get_reference_value(env_, constructor, &function);
  if (status == napi_ok) {
    parts_ = parts;
    status = napi_new_instance(env_, function, 0, nullptr, &instance);
    parts_ = nullptr;
  }
  if (status == napi_ok) return {env_, instance};
  napi_throw_error(env_, nullptr, "Node-API failed");  // unless one is pending
  return {};
}

void* Environment::TakeAnyParts() {
  if (parts_ == nullptr) ThrowTypeError(env_, "Illegal constructor");
  return std::exchange(parts_, nullptr);
}

void Environment::Cleanup(void* hook) {
  auto* self = *static_cast<Environment**>(hook);
  while (!self->live_.empty()) self->live_.back()->CloseHandle();
}

namespace {

// takeLog(): string
Napi::Value TakeLog(const Napi::CallbackInfo& info) {
  auto* environment = static_cast<Environment*>(info.Data());
  if (environment == nullptr) return {};
  Napi::String log = Napi::String::New(info.Env(), environment->log);
  environment->log.clear();
  return log;
}

// libbpf_num_possible_cpus()
// possibleCpus(): number
//   or -errno when it cannot be read
Napi::Value PossibleCpus(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), libbpf_num_possible_cpus());
}

// CLOCK_MONOTONIC, bpf_ktime_get_ns()'s
// monotonicNs(): bigint
Napi::Value MonotonicNs(const Napi::CallbackInfo& info) {
  timespec now = {};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return Napi::BigInt::New(
      info.Env(), int64_t{now.tv_sec} * 1000 * 1000 * 1000 + now.tv_nsec);
}

// BPF_LINK_GET_NEXT_ID, which takes no reference, other than
// BPF_LINK_GET_FD_BY_ID
// linkExists(id: number): number
//   1, 0, or -errno when it cannot be told
Napi::Value LinkExists(const Napi::CallbackInfo& info) {
  uint32_t id;
  if (!ReadArguments(info, &id)) return {};
  uint32_t next = 0;
  int exists = 1;
  if (bpf_link_get_next_id(id - 1, &next) != 0) {
    exists = errno == ENOENT ? 0 : -errno;
  } else if (next != id) {
    exists = 0;
  }
  return Napi::Number::New(info.Env(), exists);
}

// bpf_prog_get_next_id()
// nextProgramId(id: number): number
//   the lowest one above, or -errno: -ENOENT when there is none
Napi::Value NextProgramId(const Napi::CallbackInfo& info) {
  uint32_t id;
  if (!ReadArguments(info, &id)) return {};
  uint32_t next = 0;
  if (bpf_prog_get_next_id(id, &next) != 0) {
    return Napi::Number::New(info.Env(), -errno);
  }
  return Napi::Number::New(info.Env(), next);
}

// bpf_map_get_next_id()
// nextMapId(id: number): number
//   likewise
Napi::Value NextMapId(const Napi::CallbackInfo& info) {
  uint32_t id;
  if (!ReadArguments(info, &id)) return {};
  uint32_t next = 0;
  if (bpf_map_get_next_id(id, &next) != 0) {
    return Napi::Number::New(info.Env(), -errno);
  }
  return Napi::Number::New(info.Env(), next);
}

// abi::__cxa_demangle()
// demangle(name: string): string | undefined
Napi::Value DemangleName(const Napi::CallbackInfo& info) {
  std::string name;
  if (!ReadArguments(info, &name)) return {};
  const std::optional<std::string> result = Demangle(name);
  if (!result.has_value()) return info.Env().Undefined();
  return Napi::String::New(info.Env(), *result);
}

// if_nametoindex(): of this network namespace
// interfaceIndex(name: string): number
Napi::Value InterfaceIndex(const Napi::CallbackInfo& info) {
  std::string name;
  if (!ReadArguments(info, &name)) return {};
  const unsigned index = if_nametoindex(name.c_str());
  return Napi::Number::New(info.Env(),
                           index == 0 ? -errno : static_cast<double>(index));
}

// A grace period of RCU, off the JavaScript thread.
class ProgramsEndedWorker final : public Napi::AsyncWorker {
 public:
  explicit ProgramsEndedWorker(Napi::Env env)
      : Napi::AsyncWorker(env, "bpf-ringbuf"), ended_(env) {}

  Napi::Promise promise() const { return ended_.Promise(); }

 protected:
  void Execute() override {
    // Not on kernels that keep CPUs free of ticks; runs last microseconds.
    syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0);
  }
  void OnOK() override { ended_.Resolve(Env().Undefined()); }

 private:
  Napi::Promise::Deferred ended_;
};

// membarrier(): waits for the runs of programs that are under way
// programsEnded(): Promise<void>
Napi::Value ProgramsEnded(const Napi::CallbackInfo& info) {
  auto* worker = new ProgramsEndedWorker(info.Env());
  const Napi::Promise promise = worker->promise();
  worker->Queue();
  return promise;
}

Napi::Object Init(Napi::Env env, Napi::Object exports) {
  static std::once_flag once;
  std::call_once(once, LogCapture::Install);
  // libbpf remembers it: no descriptor is needed for it later.
  libbpf_num_possible_cpus();
  Environment* environment = Environment::Make(env);
  if (environment == nullptr) return exports;
  Object::Init(env, environment, exports);
  Program::Init(env, environment);
  Link::Init(env, environment, exports);
  Descriptor::Init(env, environment, exports);
  Map::Init(env, environment);
  MapHandle::Init(env, environment);
  InitMapCreation(env, environment, exports);
  Reader::Init(env, environment, exports);
  InitProbes(env, environment, exports);
  InitBtfDump(env, environment, exports);
  FlightRecorder::Init(env, environment, exports);
  UserRingBuffer::Init(env, environment, exports);
  exports.Set("takeLog",
              Napi::Function::New<TakeLog>(env, "takeLog", environment));
  exports.Set("possibleCpus",
              Napi::Function::New<PossibleCpus>(env, "possibleCpus"));
  exports.Set("monotonicNs",
              Napi::Function::New<MonotonicNs>(env, "monotonicNs"));
  exports.Set("linkExists", Napi::Function::New<LinkExists>(env, "linkExists"));
  exports.Set("nextProgramId",
              Napi::Function::New<NextProgramId>(env, "nextProgramId"));
  exports.Set("nextMapId", Napi::Function::New<NextMapId>(env, "nextMapId"));
  exports.Set("demangle", Napi::Function::New<DemangleName>(env, "demangle"));
  exports.Set("interfaceIndex",
              Napi::Function::New<InterfaceIndex>(env, "interfaceIndex"));
  exports.Set("programsEnded",
              Napi::Function::New<ProgramsEnded>(env, "programsEnded"));
  exports.Set("libbpfVersion", libbpf_version_string());
  exports.Set("libbpfHeaders", std::to_string(LIBBPF_MAJOR_VERSION) + "." +
                                   std::to_string(LIBBPF_MINOR_VERSION));
  exports.Set("pageBytes", static_cast<double>(sysconf(_SC_PAGESIZE)));
  return exports;
}

}  // namespace

NODE_API_MODULE(bpf_ringbuf, Init)

}  // namespace bpf_ringbuf
