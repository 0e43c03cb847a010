#include "binding/addon.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <mutex>

#include "binding/link.h"
#include "binding/map.h"
#include "binding/object.h"
#include "binding/program.h"
#include "binding/reader.h"
#include "core/guard.h"
#include "core/log.h"

namespace bpf_ringbuf {

Environment::Environment(Napi::Env env) : env_(env) {
  napi_add_env_cleanup_hook(env_, Cleanup, this);
}

Environment* Environment::Of(Napi::Env env) {
  return env.GetInstanceData<Environment>();
}

void Environment::Add(Closable* closable) { live_.push_back(closable); }

void Environment::Remove(Closable* closable) { live_.remove(closable); }

void Environment::RenewCleanupHook() {
  napi_remove_env_cleanup_hook(env_, Cleanup, this);
  napi_add_env_cleanup_hook(env_, Cleanup, this);
}

void Environment::Cleanup(void* environment) {
  auto* self = static_cast<Environment*>(environment);
  while (!self->live_.empty()) self->live_.back()->CloseHandle();
}

namespace {

// takeLog(): string
Napi::Value TakeLog(const Napi::CallbackInfo& info) {
  Environment* environment = Environment::Of(info.Env());
  Napi::String log = Napi::String::New(info.Env(), environment->log);
  environment->log.clear();
  return log;
}

// libbpf_num_possible_cpus()
// possibleCpus(): number
Napi::Value PossibleCpus(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), libbpf_num_possible_cpus());
}

// libbpf_probe_bpf_map_type(): creates such a map and closes it again
// probeMapType(type: number): number
//   1, 0, or -errno when it cannot be told
Napi::Value ProbeMapType(const Napi::CallbackInfo& info) {
  const auto type =
      static_cast<bpf_map_type>(info[0].As<Napi::Number>().Uint32Value());
  // Without one libbpf says that there is no such type.
  const int error = CheckDescriptors(kProbeDescriptors);
  if (error != 0) return Napi::Number::New(info.Env(), error);
  const LogCapture capture;
  return Napi::Number::New(info.Env(),
                           libbpf_probe_bpf_map_type(type, nullptr));
}

// BPF_LINK_GET_NEXT_ID, which takes no reference, other than
// BPF_LINK_GET_FD_BY_ID
// linkExists(id: number): number
//   1, 0, or -errno when it cannot be told
Napi::Value LinkExists(const Napi::CallbackInfo& info) {
  const uint32_t id = info[0].As<Napi::Number>().Uint32Value();
  uint32_t next = 0;
  int exists = 1;
  if (bpf_link_get_next_id(id - 1, &next) != 0) {
    exists = errno == ENOENT ? 0 : -errno;
  } else if (next != id) {
    exists = 0;
  }
  return Napi::Number::New(info.Env(), exists);
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
  env.SetInstanceData(new Environment(env));
  Object::Init(env, exports);
  Program::Init(env);
  Link::Init(env);
  Map::Init(env);
  Reader::Init(env, exports);
  exports.Set("takeLog", Napi::Function::New(env, TakeLog, "takeLog"));
  exports.Set("possibleCpus",
              Napi::Function::New(env, PossibleCpus, "possibleCpus"));
  exports.Set("probeMapType",
              Napi::Function::New(env, ProbeMapType, "probeMapType"));
  exports.Set("linkExists", Napi::Function::New(env, LinkExists, "linkExists"));
  exports.Set("programsEnded",
              Napi::Function::New(env, ProgramsEnded, "programsEnded"));
  exports.Set("libbpfVersion", libbpf_version_string());
  exports.Set("pageBytes", static_cast<double>(sysconf(_SC_PAGESIZE)));
  return exports;
}

}  // namespace

NODE_API_MODULE(bpf_ringbuf, Init)

}  // namespace bpf_ringbuf
