// Per-environment state of the addon: one for the main thread and one for each
// worker that loads it.
#ifndef BPF_RINGBUF_NATIVE_BINDING_ADDON_H_
#define BPF_RINGBUF_NATIVE_BINDING_ADDON_H_

#include <napi.h>

#include <list>
#include <string>

namespace bpf_ringbuf {

// Something that holds kernel resources.
class Closable {
 public:
  virtual ~Closable() = default;
  // Releases everything; the second call does nothing. Calls
  // Environment::Remove().
  virtual void CloseHandle() = 0;
};

// Life. 1. Created in Init(), deleted by Node-API after all wrapped objects.
// 2. Everything open is in the live set. 3. The clean-up hook closes the live
// set newest-first, so that no poll thread outlives JavaScript; Node runs hooks
// newest-first too, and a thread-safe function frees itself in a hook of its
// own, so the hook is renewed after each one that is created.
class Environment {
 public:
  explicit Environment(Napi::Env env);
  static Environment* Of(Napi::Env env);

  void Add(Closable* closable);
  void Remove(Closable* closable);
  void RenewCleanupHook();

  // What libbpf printed during the last call that failed.
  std::string log;

  Napi::FunctionReference map_constructor;
  Napi::FunctionReference program_constructor;
  Napi::FunctionReference link_constructor;

 private:
  static void Cleanup(void* environment);

  const napi_env env_;
  std::list<Closable*> live_;  // oldest first
};

}  // namespace bpf_ringbuf

#endif  // BPF_RINGBUF_NATIVE_BINDING_ADDON_H_
