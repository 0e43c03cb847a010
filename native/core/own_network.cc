#include "core/own_network.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>

#include "core/guard.h"

namespace bpf_ringbuf {

namespace {

struct Call {
  const std::function<int()>* callback;
  int result;
};

void* Run(void* argument) {
  auto* call = static_cast<Call*>(argument);
  if (unshare(CLONE_NEWNET) == 0) call->result = (*call->callback)();
  return nullptr;
}

}  // namespace

int InOwnNetwork(const std::function<int()>& callback) {
  Call call = {&callback, -ENONET};
  pthread_t thread;
  {
    const SignalsBlocked blocked;  // which the thread inherits
    if (pthread_create(&thread, nullptr, Run, &call) != 0) return -ENONET;
  }
  pthread_join(thread, nullptr);
  return call.result;
}

}  // namespace bpf_ringbuf
