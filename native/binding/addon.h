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

// Life. 1. Created in Init(), deleted by Node-API after all wrapped objects,
// which find it as the data of their class. 2. Everything open is in the live
// set. 3. The clean-up hook closes the live set newest-first, so that no poll
// thread outlives JavaScript; Node runs hooks newest-first too, and a
// thread-safe function frees itself in a hook of its own, so the hook is
// renewed after each one that is created.
//
// Any call of Node-API may fail while a worker is being terminated: its status
// is looked at before anything that relies on it.
class Environment {
 public:
  // Null, with an exception pending, when Node-API fails.
  static Environment* Make(napi_env env);

  void Add(Closable* closable);
  void Remove(Closable* closable);
  // False when there is the old one still.
  bool RenewCleanupHook();

  // An instance of a class that JavaScript cannot construct: its constructor
  // finds `parts`. Empty, with an exception pending, when Node-API fails.
  Napi::Value Construct(const Napi::FunctionReference& constructor,
                        void* parts);
  // For that constructor, once; null, with a TypeError pending, when JavaScript
  // has called it.
  template <typename Parts>
  Parts* TakeParts() {
    return static_cast<Parts*>(TakeAnyParts());
  }

  // What libbpf printed during the last call that failed.
  std::string log;

  Napi::FunctionReference map_constructor;
  Napi::FunctionReference map_handle_constructor;
  Napi::FunctionReference program_constructor;
  Napi::FunctionReference link_constructor;
  Napi::FunctionReference descriptor_constructor;

 private:
  explicit Environment(napi_env env) : env_(env) {}
  void* TakeAnyParts();
  static void Cleanup(void* hook);

  const napi_env env_;
  std::list<Closable*> live_;  // oldest first
  void* parts_ = nullptr;      // during Construct()
  // Hooks are told apart by their argument: the one that is set, and the next.
  Environment* hooks_[2] = {this, this};
  size_t hook_ = 0;
};

}  // namespace bpf_ringbuf

#endif  // BPF_RINGBUF_NATIVE_BINDING_ADDON_H_
