// Deliberate faults, which prove that a sanitizer is at work and ends the
// process. Linked into sanitized builds only; committed when the program or the
// addon is loaded, if BPF_RINGBUF_FAULT names one.
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <thread>

namespace {

// Volatile, so that the compiler does not see what will happen.
volatile int one = 1;
void* volatile pointer;
int raced;

void UseAfterFree() {
  pointer = malloc(8);
  auto* freed = static_cast<volatile char*>(pointer);
  free(pointer);
  freed[0] = 1;
}

void OverflowSigned() { one = INT_MAX - 1 + 2 * one; }

void Leak() {
  pointer = malloc(1000);
  pointer = nullptr;
}

void Race() {
  std::thread other([] { raced++; });
  raced++;
  other.join();
}

__attribute__((constructor)) void CommitFault() {
  const char* fault = getenv("BPF_RINGBUF_FAULT");
  if (fault == nullptr) return;
  if (strcmp(fault, "use-after-free") == 0) return UseAfterFree();
  if (strcmp(fault, "overflow") == 0) return OverflowSigned();
  if (strcmp(fault, "leak") == 0) return Leak();
  if (strcmp(fault, "race") == 0) return Race();
  fprintf(stderr, "BPF_RINGBUF_FAULT names no fault: %s\n", fault);
  exit(2);
}

}  // namespace
