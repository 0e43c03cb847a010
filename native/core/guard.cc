#include "core/guard.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <vector>

namespace bpf_ringbuf {

SignalsBlocked::SignalsBlocked() {
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before_);
}

SignalsBlocked::~SignalsBlocked() {
  pthread_sigmask(SIG_SETMASK, &before_, nullptr);
}

int CheckDescriptors(size_t count) {
  std::vector<int> opened;
  opened.reserve(count);
  int error = 0;
  while (opened.size() < count && error == 0) {
    const int fd = opened.empty() ? eventfd(0, EFD_CLOEXEC)
                                  : fcntl(opened.front(), F_DUPFD_CLOEXEC, 0);
    if (fd < 0) {
      error = -errno;
    } else {
      opened.push_back(fd);
    }
  }
  for (const int fd : opened) close(fd);
  return error;
}

}  // namespace bpf_ringbuf
