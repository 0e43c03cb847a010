#include "binding/probe.h"

#include <cstdint>
#include <string>
#include <vector>

#include "binding/arguments.h"
#include "core/guard.h"
#include "core/log.h"
#include "core/probe.h"
#include "core/probe_types.h"

namespace bpf_ringbuf {

namespace {

Napi::Value ArrayOf(Napi::Env env, const std::vector<std::string>& texts) {
  Napi::Array array = Napi::Array::New(env, texts.size());
  if (array.IsEmpty()) return {};
  for (uint32_t i = 0; i < texts.size(); ++i) array.Set(i, texts[i]);
  return array;
}

// Probes with what has to hold for it; keeps what libbpf printed.
template <typename Run>
Napi::Value Guarded(const Napi::CallbackInfo& info, Run run) {
  auto* environment = static_cast<Environment*>(info.Data());
  if (environment == nullptr) return {};
  int result = CheckDescriptors(kProbeDescriptors);
  if (result == 0) {
    const SignalsBlocked blocked;
    const LogCapture capture;
    result = run();
    environment->log = capture.text();
  }
  return Napi::Number::New(info.Env(), result);
}

// libbpf_bpf_map_type_str()
// mapTypeNames(): string[]
Napi::Value MapTypes(const Napi::CallbackInfo& info) {
  return ArrayOf(info.Env(), MapTypeNames());
}

// libbpf_bpf_prog_type_str()
// programTypeNames(): string[]
Napi::Value ProgramTypes(const Napi::CallbackInfo& info) {
  return ArrayOf(info.Env(), ProgramTypeNames());
}

// enum bpf_func_id, by number
// helperNames(): string[]
Napi::Value Helpers(const Napi::CallbackInfo& info) {
  return ArrayOf(info.Env(), HelperNames());
}

// libbpf_probe_bpf_map_type(): creates such a map and closes it again
// probeMapType(type: number): number
//   1, 0, or -errno when it cannot be told
Napi::Value ProbeMap(const Napi::CallbackInfo& info) {
  uint32_t type;
  if (!ReadArguments(info, &type)) return {};
  return Guarded(info, [type] { return ProbeMapType(type); });
}

// libbpf_probe_bpf_prog_type(): loads such a program and closes it again
// probeProgramType(type: number): number
//   1, 0, or -errno when it cannot be told
Napi::Value ProbeProgram(const Napi::CallbackInfo& info) {
  uint32_t type;
  if (!ReadArguments(info, &type)) return {};
  return Guarded(info, [type] { return ProbeProgramType(type); });
}

// Has the verifier look at a program that calls the helper
// probeHelper(programType: number, helper: number): number
//   1, 0, or -errno when it cannot be told
Napi::Value ProbeCall(const Napi::CallbackInfo& info) {
  uint32_t program_type;
  uint32_t helper;
  if (!ReadArguments(info, &program_type, &helper)) return {};
  return Guarded(info, [program_type, helper] {
    return ProbeHelper(program_type, helper);
  });
}

// Tries a feature of core/probe.cc and undoes it
// probe(feature: string, path: string): number
Napi::Value ProbeFeature(const Napi::CallbackInfo& info) {
  std::string feature;
  std::string path;
  if (!ReadArguments(info, &feature, &path)) return {};
  return Guarded(info, [&feature, &path] { return Probe(feature, path); });
}

}  // namespace

void InitProbes(Napi::Env env, Environment* environment, Napi::Object exports) {
  exports.Set("mapTypeNames",
              Napi::Function::New<MapTypes>(env, "mapTypeNames"));
  exports.Set("programTypeNames",
              Napi::Function::New<ProgramTypes>(env, "programTypeNames"));
  exports.Set("helperNames", Napi::Function::New<Helpers>(env, "helperNames"));
  exports.Set("probeMapType",
              Napi::Function::New<ProbeMap>(env, "probeMapType", environment));
  exports.Set("probeProgramType", Napi::Function::New<ProbeProgram>(
                                      env, "probeProgramType", environment));
  exports.Set("probeHelper",
              Napi::Function::New<ProbeCall>(env, "probeHelper", environment));
  exports.Set("probe",
              Napi::Function::New<ProbeFeature>(env, "probe", environment));
}

}  // namespace bpf_ringbuf
