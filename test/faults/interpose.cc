// Preloaded into Node: lets calls out of the addon and of libbpf fail, or takes
// its time over them. Both call the C library and Node-API through tables that
// the dynamic linker has filled, and these are rewritten when the addon has
// been loaded. So it is the addon that users have which is tested.
//
// The file that BPF_RINGBUF_FAULTS names says what to do: struct Control, which
// scenario.cjs writes to.
#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <utility>

namespace {

constexpr size_t kMostEntries = 255;

enum Mode : int32_t { kNone, kFail, kSlow };

// A function that one of the two modules calls.
struct Entry {
  std::atomic<int32_t> calls;
  char name[60];  // MODULE FUNCTION
};

struct Control {
  std::atomic<int32_t> mode;
  std::atomic<int32_t> target;     // which entry, or -1: all of Node-API
  std::atomic<int32_t> countdown;  // kFail: the call that fails, from 1 on
  std::atomic<int32_t> hits;       // calls that failed, or that were slow
  std::atomic<int32_t> delay_us;   // kSlow
  std::atomic<int32_t> count;      // of entries
  int32_t reserved[10];
  Entry entries[kMostEntries];
};
static_assert(sizeof(Control) == 64 * (1 + kMostEntries), "scenario.cjs");

// What a function does instead.
struct Failure {
  const char *name;
  long result;
  int error;   // errno
  bool after;  // it does what it is called for, and then says otherwise
};

constexpr long kGenericFailure = 9;  // napi_generic_failure
constexpr Failure kNodeApi = {"napi_", kGenericFailure, 0, false};

constexpr Failure kFailures[] = {
    {"calloc", 0, ENOMEM, false},
    {"close", -1, EIO, true},
    {"dup3", -1, EMFILE, false},
    {"epoll_create1", -1, EMFILE, false},
    {"epoll_ctl", -1, ENOSPC, false},
    {"epoll_wait", -1, EINTR, false},
    {"eventfd", -1, EMFILE, false},
    {"fcntl64", -1, EMFILE, false},
    {"fopen64", 0, EMFILE, false},
    {"ioctl", -1, EPERM, false},
    {"madvise", -1, EAGAIN, false},
    {"malloc", 0, ENOMEM, false},
    {"mmap64", -1, ENOMEM, false},
    {"open64", -1, EMFILE, false},
    {"poll", -1, EINTR, false},
    {"ppoll", -1, EINTR, false},
    {"pthread_create", EAGAIN, 0, false},
    {"read", -1, EINTR, false},
    {"realloc", 0, ENOMEM, false},
    {"strdup", 0, ENOMEM, false},
    {"syscall", -1, EPERM, false},
    {"uv_thread_create", -EAGAIN, 0, false},
    {"write", -1, EINTR, false},
};

// They cannot fail, says Node, and node-addon-api relies on it: those that end
// something, and those that look at an error. A call of a thread-safe function
// whose queue has no bound fails only when it is closing.
constexpr const char *kInfallible[] = {
    "napi_call_threadsafe_function",
    "napi_close_escapable_handle_scope",
    "napi_close_handle_scope",
    "napi_delete_reference",
    "napi_fatal_error",
    "napi_get_and_clear_last_exception",
    "napi_get_last_error_info",
    "napi_is_exception_pending",
    "napi_remove_env_cleanup_hook",
};

Control *control = nullptr;
void *real_functions[kMostEntries];
const Failure *failures[kMostEntries];

// The integer arguments of every function here, those on the stack included,
// and the only one of floating point: what is not an argument is passed on
// without being looked at.
using Function = long (*)(double, long, long, long, long, long, long, long,
                          long, long, long, long);

template <size_t index>
long Stub(double d, long a, long b, long c, long e, long f, long g, long h,
          long i, long j, long k, long l) {
  const auto real = reinterpret_cast<Function>(real_functions[index]);
  const Failure &failure = *failures[index];
  control->entries[index].calls++;
  const int32_t target = control->target;
  const bool meant = target == static_cast<int32_t>(index) ||
                     (target == -1 && &failure == &kNodeApi);
  if (meant && control->mode == kSlow) {
    control->hits++;
    usleep(static_cast<useconds_t>(control->delay_us.load()));
  }
  if (meant && control->mode == kFail && --control->countdown == 0) {
    control->hits++;
    if (failure.after) real(d, a, b, c, e, f, g, h, i, j, k, l);
    if (failure.error != 0) errno = failure.error;
    return failure.result;
  }
  return real(d, a, b, c, e, f, g, h, i, j, k, l);
}

template <size_t... index>
constexpr std::array<void *, sizeof...(index)> MakeStubs(
    std::index_sequence<index...>) {
  return {reinterpret_cast<void *>(Stub<index>)...};
}

const Failure *FailureOf(const char *name) {
  for (const char *infallible : kInfallible) {
    if (strcmp(name, infallible) == 0) return nullptr;
  }
  if (strncmp(name, kNodeApi.name, strlen(kNodeApi.name)) == 0) {
    return &kNodeApi;
  }
  for (const Failure &failure : kFailures) {
    if (strcmp(name, failure.name) == 0) return &failure;
  }
  return nullptr;
}

// Rewrites the entries of one table.
void Rewrite(const char *module, ElfW(Addr) base, const ElfW(Rela) * first,
             size_t bytes, const ElfW(Sym) * symbols, const char *strings) {
  static const auto stubs = MakeStubs(std::make_index_sequence<kMostEntries>());
  for (size_t i = 0; i < bytes / sizeof(*first); i++) {
    const char *name = strings + symbols[ELF64_R_SYM(first[i].r_info)].st_name;
    const Failure *failure = *name == '\0' ? nullptr : FailureOf(name);
    void *real = failure == nullptr ? nullptr : dlsym(RTLD_DEFAULT, name);
    if (real == nullptr) continue;
    const auto index = static_cast<size_t>(control->count);
    if (index == kMostEntries) abort();
    snprintf(control->entries[index].name, sizeof(Entry::name), "%s %s", module,
             name);
    real_functions[index] = real;
    failures[index] = failure;
    auto *slot = reinterpret_cast<void **>(base + first[i].r_offset);
    const auto page = static_cast<uintptr_t>(getpagesize());
    const auto start = reinterpret_cast<uintptr_t>(slot) & ~(page - 1);
    if (mprotect(reinterpret_cast<void *>(start), page,
                 PROT_READ | PROT_WRITE) != 0) {
      abort();
    }
    *slot = stubs[index];
    control->count++;
  }
}

int RewriteModule(dl_phdr_info *info, size_t, void *) {
  const char *module = nullptr;
  if (strstr(info->dlpi_name, "bpf_ringbuf.node") != nullptr) module = "addon";
  if (strstr(info->dlpi_name, "libbpf.so") != nullptr) module = "libbpf";
  if (module == nullptr) return 0;
  for (size_t i = 0; i < info->dlpi_phnum; i++) {
    if (info->dlpi_phdr[i].p_type != PT_DYNAMIC) continue;
    const ElfW(Sym) *symbols = nullptr;
    const char *strings = nullptr;
    const ElfW(Rela) * tables[2] = {};
    size_t bytes[2] = {};
    for (const auto *entry = reinterpret_cast<const ElfW(Dyn) *>(
             info->dlpi_addr + info->dlpi_phdr[i].p_vaddr);
         entry->d_tag != DT_NULL; entry++) {
      const auto address = entry->d_un.d_ptr;
      switch (entry->d_tag) {
        case DT_SYMTAB:
          symbols = reinterpret_cast<const ElfW(Sym) *>(address);
          break;
        case DT_STRTAB:
          strings = reinterpret_cast<const char *>(address);
          break;
        case DT_JMPREL:
          tables[0] = reinterpret_cast<const ElfW(Rela) *>(address);
          break;
        case DT_PLTRELSZ:
          bytes[0] = entry->d_un.d_val;
          break;
        case DT_RELA:
          tables[1] = reinterpret_cast<const ElfW(Rela) *>(address);
          break;
        case DT_RELASZ:
          bytes[1] = entry->d_un.d_val;
          break;
        default:
          break;
      }
    }
    for (size_t table = 0; table < 2; table++) {
      Rewrite(module, info->dlpi_addr, tables[table], bytes[table], symbols,
              strings);
    }
  }
  return 0;
}

void MapControl() {
  const char *path = getenv("BPF_RINGBUF_FAULTS");
  const int fd = path == nullptr ? -1 : open(path, O_RDWR | O_CLOEXEC);
  void *mapped = fd < 0 ? MAP_FAILED
                        : mmap(nullptr, sizeof(Control), PROT_READ | PROT_WRITE,
                               MAP_SHARED, fd, 0);
  if (mapped == MAP_FAILED) {
    perror("BPF_RINGBUF_FAULTS");
    abort();
  }
  close(fd);
  control = static_cast<Control *>(mapped);
}

}  // namespace

// The addon's, before Node calls anything in it.
extern "C" void *dlopen(const char *file, int mode) {
  static const auto real = reinterpret_cast<void *(*)(const char *, int)>(
      dlsym(RTLD_NEXT, "dlopen"));
  void *opened = real(file, mode);
  if (opened != nullptr && file != nullptr &&
      strstr(file, "bpf_ringbuf.node") != nullptr && control == nullptr) {
    MapControl();
    dl_iterate_phdr(RewriteModule, nullptr);
  }
  return opened;
}
