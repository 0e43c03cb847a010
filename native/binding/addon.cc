#include "binding/addon.h"

#include <bpf/libbpf.h>
#include <unistd.h>

#include <mutex>

#include "binding/link.h"
#include "binding/map.h"
#include "binding/object.h"
#include "binding/program.h"
#include "binding/reader.h"
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
  const LogCapture capture;
  return Napi::Number::New(info.Env(),
                           libbpf_probe_bpf_map_type(type, nullptr));
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
  exports.Set("libbpfVersion", libbpf_version_string());
  exports.Set("pageBytes", static_cast<double>(sysconf(_SC_PAGESIZE)));
  return exports;
}

}  // namespace

NODE_API_MODULE(bpf_ringbuf, Init)

}  // namespace bpf_ringbuf
