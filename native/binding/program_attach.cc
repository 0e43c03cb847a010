// Program's ways to be attached; those to networks are in
// program_attach_network.cc.
#include <bpf/libbpf.h>
#include <errno.h>

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "binding/arguments.h"
#include "binding/link.h"
#include "binding/object.h"
#include "binding/program.h"
#include "core/attachment.h"
#include "core/guard.h"
#include "core/libbpf_version.h"
#include "core/log.h"
#include "core/usdt_specs.h"

namespace bpf_ringbuf {

namespace {

std::vector<const char*> Pointers(const std::vector<std::string>& texts) {
  std::vector<const char*> pointers;
  pointers.reserve(texts.size());
  for (const std::string& text : texts) pointers.push_back(text.c_str());
  return pointers;
}

template <typename Item>
const Item* DataOrNull(const std::vector<Item>& items) {
  return items.empty() ? nullptr : items.data();
}

const char* TextOrNull(const std::string& text) {
  return text.empty() ? nullptr : text.c_str();
}

}  // namespace

Napi::Value Program::AttachBy(const Napi::CallbackInfo& info,
                              const std::function<AttachmentPtr()>& attach) {
  if (closed()) return Napi::Number::New(info.Env(), -EBADF);
  const int error = CheckDescriptors(kProbeDescriptors);
  if (error != 0) return Napi::Number::New(info.Env(), error);
  std::vector<AttachmentPtr> attachments(1);
  {
    const SignalsBlocked blocked;
    const LogCapture capture;
    attachments[0] = attach();
    if (attachments[0] == nullptr) {
      const int attach_error = -errno;
      environment_->log = capture.text();
      return Napi::Number::New(info.Env(), attach_error);
    }
  }
  return Link::Wrap(environment_, std::move(attachments));
}

AttachmentPtr Program::CheckSpecs(AttachmentPtr attachment) const {
  if (attachment == nullptr || AreUsdtSpecsReadable(owner_->object())) {
    return attachment;
  }
  attachment->Release(false);
  errno = EPROTO;
  return nullptr;
}

Napi::Value Program::Lacking(const Napi::CallbackInfo& info) const {
  environment_->log.clear();
  return Napi::Number::New(info.Env(), closed() ? -EBADF : -ENOSYS);
}

// bpf_program__attach()
// attach(): Link | undefined | number
//   undefined when libbpf knows no place for the program's section: then it
//   says EOPNOTSUPP and prints nothing, and has not asked the kernel
Napi::Value Program::Attach(const Napi::CallbackInfo& info) {
  environment_->log.clear();
  const Napi::Value attached = AttachBy(info, [this] {
    return CheckSpecs(TakeLink(bpf_program__attach(program_)));
  });
  if (!attached.IsEmpty() && attached.IsNumber() && environment_->log.empty() &&
      attached.As<Napi::Number>().Int32Value() == -EOPNOTSUPP) {
    return info.Env().Undefined();
  }
  return attached;
}

// bpf_program__attach_trace_opts(), where the program was loaded for
// attachTrace(cookie: bigint): Link | number
Napi::Value Program::AttachTrace(const Napi::CallbackInfo& info) {
  Word cookie;
  if (!ReadArguments(info, &cookie)) return {};
  return AttachBy(info, [&] {
    LIBBPF_OPTS(bpf_trace_opts, options, .cookie = cookie.value);
    return TakeLink(bpf_program__attach_trace_opts(program_, &options));
  });
}

// bpf_program__attach_freplace()
// attachFreplace(programFd: number, name: string): Link | number
Napi::Value Program::AttachFreplace(const Napi::CallbackInfo& info) {
  int32_t program_fd;
  std::string name;
  if (!ReadArguments(info, &program_fd, &name)) return {};
  return AttachBy(info, [&] {
    return TakeLink(
        bpf_program__attach_freplace(program_, program_fd, name.c_str()));
  });
}

// bpf_program__attach_kprobe_opts()
// attachKprobe(symbol: string, offset: number, cookie: bigint,
//   isReturn: boolean): Link | number
Napi::Value Program::AttachKprobe(const Napi::CallbackInfo& info) {
  std::string symbol;
  uint64_t offset;
  Word cookie;
  bool is_return;
  if (!ReadArguments(info, &symbol, &offset, &cookie, &is_return)) return {};
  return AttachBy(info, [&] {
    LIBBPF_OPTS(bpf_kprobe_opts, options, .bpf_cookie = cookie.value,
                .offset = offset, .retprobe = is_return);
    return TakeLink(
        bpf_program__attach_kprobe_opts(program_, symbol.c_str(), &options));
  });
}

// bpf_program__attach_ksyscall()
// attachKsyscall(name: string, cookie: bigint,
//   isReturn: boolean): Link | number
Napi::Value Program::AttachKsyscall(const Napi::CallbackInfo& info) {
  std::string name;
  Word cookie;
  bool is_return;
  if (!ReadArguments(info, &name, &cookie, &is_return)) return {};
  return AttachBy(info, [&] {
    LIBBPF_OPTS(bpf_ksyscall_opts, options, .bpf_cookie = cookie.value,
                .retprobe = is_return);
    return TakeLink(
        bpf_program__attach_ksyscall(program_, name.c_str(), &options));
  });
}

// bpf_program__attach_kprobe_multi_opts(): by a pattern, or without one by a
// list, for each of which there may be a cookie
// attachKprobeMulti(pattern: string, symbols: string[],
//   cookies: BigUint64Array, isReturn: boolean): Link | number
Napi::Value Program::AttachKprobeMulti(const Napi::CallbackInfo& info) {
  std::string pattern;
  std::vector<std::string> symbols;
  std::vector<uint64_t> cookies;
  bool is_return;
  if (!ReadArguments(info, &pattern, &symbols, &cookies, &is_return)) return {};
  return AttachBy(info, [&]() -> AttachmentPtr {
    if (!cookies.empty() && cookies.size() != symbols.size()) {
      errno = EINVAL;
      return nullptr;
    }
    std::vector<const char*> names = Pointers(symbols);
    LIBBPF_OPTS(bpf_kprobe_multi_opts, options);
    options.syms = names.empty() ? nullptr : names.data();
    options.cookies = reinterpret_cast<const __u64*>(DataOrNull(cookies));
    options.cnt = names.size();
    options.retprobe = is_return;
    return TakeLink(bpf_program__attach_kprobe_multi_opts(
        program_, TextOrNull(pattern), &options));
  });
}

// bpf_program__attach_uprobe_opts(); `offset` counts from the symbol, or
// without one from the beginning of the file
// attachUprobe(path: string, symbol: string, offset: number, pid: number,
//   cookie: bigint, refCtrOffset: number, isReturn: boolean): Link | number
Napi::Value Program::AttachUprobe(const Napi::CallbackInfo& info) {
  std::string path;
  std::string symbol;
  uint64_t offset;
  int32_t pid;
  Word cookie;
  uint64_t ref_ctr_offset;
  bool is_return;
  if (!ReadArguments(info, &path, &symbol, &offset, &pid, &cookie,
                     &ref_ctr_offset, &is_return)) {
    return {};
  }
  return AttachBy(info, [&] {
    LIBBPF_OPTS(bpf_uprobe_opts, options, .ref_ctr_offset = ref_ctr_offset,
                .bpf_cookie = cookie.value, .retprobe = is_return,
                .func_name = TextOrNull(symbol));
    return TakeLink(bpf_program__attach_uprobe_opts(program_, pid, path.c_str(),
                                                    offset, &options));
  });
}

// bpf_program__attach_uprobe_multi(): by a pattern, by symbols, or by offsets
// attachUprobeMulti(path: string, pattern: string, symbols: string[],
//   offsets: BigUint64Array, cookies: BigUint64Array, pid: number,
//   isReturn: boolean): Link | number
//   ENOSYS before libbpf 1.3
Napi::Value Program::AttachUprobeMulti(const Napi::CallbackInfo& info) {
  std::string path;
  std::string pattern;
  std::vector<std::string> symbols;
  std::vector<uint64_t> offsets;
  std::vector<uint64_t> cookies;
  int32_t pid;
  bool is_return;
  if (!ReadArguments(info, &path, &pattern, &symbols, &offsets, &cookies, &pid,
                     &is_return)) {
    return {};
  }
#if LIBBPF_AT_LEAST(3)
  return AttachBy(info, [&]() -> AttachmentPtr {
    const size_t count = symbols.empty() ? offsets.size() : symbols.size();
    if ((!symbols.empty() && !offsets.empty()) ||
        (!cookies.empty() && cookies.size() != count)) {
      errno = EINVAL;
      return nullptr;
    }
    std::vector<const char*> names = Pointers(symbols);
    LIBBPF_OPTS(bpf_uprobe_multi_opts, options);
    options.syms = names.empty() ? nullptr : names.data();
    options.offsets =
        reinterpret_cast<const unsigned long*>(DataOrNull(offsets));
    options.cookies = reinterpret_cast<const __u64*>(DataOrNull(cookies));
    options.cnt = count;
    options.retprobe = is_return;
    return TakeLink(bpf_program__attach_uprobe_multi(
        program_, pid, path.c_str(), TextOrNull(pattern), &options));
  });
#else
  return Lacking(info);
#endif
}

// bpf_program__attach_usdt()
// attachUsdt(path: string, provider: string, name: string, pid: number,
//   cookie: bigint): Link | number
//   EPROTO when the object has usdt.bpf.h of another libbpf, laid out otherwise
Napi::Value Program::AttachUsdt(const Napi::CallbackInfo& info) {
  std::string path;
  std::string provider;
  std::string name;
  int32_t pid;
  Word cookie;
  if (!ReadArguments(info, &path, &provider, &name, &pid, &cookie)) return {};
  return AttachBy(info, [&] {
    LIBBPF_OPTS(bpf_usdt_opts, options, .usdt_cookie = cookie.value);
    return CheckSpecs(TakeLink(
        bpf_program__attach_usdt(program_, pid, path.c_str(), provider.c_str(),
                                 name.c_str(), &options)));
  });
}

// bpf_program__attach_tracepoint_opts()
// attachTracepoint(category: string, name: string,
//   cookie: bigint): Link | number
Napi::Value Program::AttachTracepoint(const Napi::CallbackInfo& info) {
  std::string category;
  std::string name;
  Word cookie;
  if (!ReadArguments(info, &category, &name, &cookie)) return {};
  return AttachBy(info, [&] {
    LIBBPF_OPTS(bpf_tracepoint_opts, options, .bpf_cookie = cookie.value);
    return TakeLink(bpf_program__attach_tracepoint_opts(
        program_, category.c_str(), name.c_str(), &options));
  });
}

// bpf_program__attach_raw_tracepoint_opts()
// attachRawTracepoint(name: string, cookie: bigint): Link | number
//   ENOSYS with a cookie before libbpf 1.5
Napi::Value Program::AttachRawTracepoint(const Napi::CallbackInfo& info) {
  std::string name;
  Word cookie;
  if (!ReadArguments(info, &name, &cookie)) return {};
  if (cookie.value != 0 && !LIBBPF_AT_LEAST(5)) return Lacking(info);
  return AttachBy(info, [&] {
#if LIBBPF_AT_LEAST(5)
    LIBBPF_OPTS(bpf_raw_tracepoint_opts, options, .cookie = cookie.value);
    return TakeLink(bpf_program__attach_raw_tracepoint_opts(
        program_, name.c_str(), &options));
#else
    return TakeLink(
        bpf_program__attach_raw_tracepoint(program_, name.c_str()));
#endif
  });
}

// perf_event_open() and bpf_program__attach_perf_event_opts(), for pairs of a
// task and a CPU, -1 for any; of a cgroup the descriptor is in the task's
// place. Tasks that have ended are left out, unless all have.
// attachPerfEvents(type: number, config: bigint, sample: bigint,
//   isFrequency: boolean, targets: Int32Array, ofCgroup: boolean,
//   cookie: bigint): Link | number
Napi::Value Program::AttachPerfEvents(const Napi::CallbackInfo& info) {
  uint32_t type;
  Word config;
  Word sample;
  bool is_frequency;
  std::vector<int32_t> targets;
  bool of_cgroup;
  Word cookie;
  if (!ReadArguments(info, &type, &config, &sample, &is_frequency, &targets,
                     &of_cgroup, &cookie)) {
    return {};
  }
  if (closed()) return Napi::Number::New(info.Env(), -EBADF);
  const PerfEvent event = {type,         config.value, sample.value,
                           is_frequency, of_cgroup,    cookie.value};
  std::vector<AttachmentPtr> attachments;
  // Two for each event, and what libbpf probes.
  int error = CheckDescriptors(kProbeDescriptors + targets.size());
  {
    const LogCapture capture;
    for (size_t i = 0; error == 0 && i + 1 < targets.size(); i += 2) {
      AttachmentPtr attachment =
          AttachPerfEvent(program_, event, targets[i], targets[i + 1]);
      if (attachment != nullptr) {
        attachments.push_back(std::move(attachment));
      } else if (errno != ESRCH) {
        error = -errno;
      }
    }
    if (error == 0 && attachments.empty()) error = -ESRCH;
    if (error != 0) environment_->log = capture.text();
  }
  if (error == 0) return Link::Wrap(environment_, std::move(attachments));
  return Napi::Number::New(info.Env(), error);
}

// bpf_program__attach_iter(), with a union bpf_iter_link_info or nothing
// attachIter(target: Uint8Array): Link | number
Napi::Value Program::AttachIter(const Napi::CallbackInfo& info) {
  Bytes target;
  if (!ReadArguments(info, &target)) return {};
  return AttachBy(info, [&] {
    LIBBPF_OPTS(bpf_iter_attach_opts, options);
    options.link_info = reinterpret_cast<bpf_iter_link_info*>(
        target.size_bytes == 0 ? nullptr : target.data);
    options.link_info_len = static_cast<uint32_t>(target.size_bytes);
    return TakeLink(bpf_program__attach_iter(program_, &options));
  });
}

// bpf_map__attach_struct_ops(), of a map of the same object
// attachStructOps(map: string): Link | number
Napi::Value Program::AttachStructOps(const Napi::CallbackInfo& info) {
  std::string name;
  if (!ReadArguments(info, &name)) return {};
  return AttachBy(info, [&]() -> AttachmentPtr {
    return bpf_ringbuf::AttachStructOps(owner_->shared(), name.c_str());
  });
}

}  // namespace bpf_ringbuf
