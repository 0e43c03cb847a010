#include "binding/program.h"

#include <bpf/bpf.h>
#include <errno.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "binding/arguments.h"
#include "binding/object.h"
#include "core/info.h"
#include "core/log.h"

namespace bpf_ringbuf {

void Program::Init(Napi::Env env, Environment* environment) {
  environment->program_constructor = Napi::Persistent(DefineClass(
      env, "Program",
      {
          InstanceMethod<&Program::Name>("name"),
          InstanceMethod<&Program::Section>("section"),
          InstanceMethod<&Program::Fd>("fd"),
          InstanceMethod<&Program::Type>("type"),
          InstanceMethod<&Program::SetType>("setType"),
          InstanceMethod<&Program::ExpectedAttachType>("expectedAttachType"),
          InstanceMethod<&Program::SetExpectedAttachType>(
              "setExpectedAttachType"),
          InstanceMethod<&Program::Flags>("flags"),
          InstanceMethod<&Program::SetFlags>("setFlags"),
          InstanceMethod<&Program::Autoload>("autoload"),
          InstanceMethod<&Program::SetAutoload>("setAutoload"),
          InstanceMethod<&Program::Autoattach>("autoattach"),
          InstanceMethod<&Program::SetAutoattach>("setAutoattach"),
          InstanceMethod<&Program::SetAttachTarget>("setAttachTarget"),
          InstanceMethod<&Program::SetLog>("setLog"),
          InstanceMethod<&Program::VerifierLog>("verifierLog"),
          InstanceMethod<&Program::Info>("info"),
          InstanceMethod<&Program::TestRun>("testRun"),
          InstanceMethod<&Program::Attach>("attach"),
          InstanceMethod<&Program::AttachTrace>("attachTrace"),
          InstanceMethod<&Program::AttachFreplace>("attachFreplace"),
          InstanceMethod<&Program::AttachKprobe>("attachKprobe"),
          InstanceMethod<&Program::AttachKsyscall>("attachKsyscall"),
          InstanceMethod<&Program::AttachKprobeMulti>("attachKprobeMulti"),
          InstanceMethod<&Program::AttachUprobe>("attachUprobe"),
          InstanceMethod<&Program::AttachUprobeMulti>("attachUprobeMulti"),
          InstanceMethod<&Program::AttachUsdt>("attachUsdt"),
          InstanceMethod<&Program::AttachTracepoint>("attachTracepoint"),
          InstanceMethod<&Program::AttachRawTracepoint>("attachRawTracepoint"),
          InstanceMethod<&Program::AttachPerfEvents>("attachPerfEvents"),
          InstanceMethod<&Program::AttachCgroup>("attachCgroup"),
          InstanceMethod<&Program::AttachNetns>("attachNetns"),
          InstanceMethod<&Program::AttachDevice>("attachDevice"),
          InstanceMethod<&Program::AttachNetfilter>("attachNetfilter"),
          InstanceMethod<&Program::AttachTc>("attachTc"),
          InstanceMethod<&Program::AttachSocket>("attachSocket"),
          InstanceMethod<&Program::AttachSockmap>("attachSockmap"),
          InstanceMethod<&Program::AttachIter>("attachIter"),
          InstanceMethod<&Program::AttachStructOps>("attachStructOps"),
      },
      environment));
}

Napi::Value Program::Wrap(Environment* environment, Object* owner,
                          bpf_program* program) {
  Parts parts = {owner, program};
  return environment->Construct(environment->program_constructor, &parts);
}

Program::Program(const Napi::CallbackInfo& info)
    : Napi::ObjectWrap<Program>(info),
      environment_(static_cast<Environment*>(info.Data())) {
  if (IsEmpty()) return;
  const auto* parts = environment_->TakeParts<Parts>();
  if (parts == nullptr) return;
  owner_reference_ = Napi::Persistent(parts->owner->Value());
  // Without it the owner may go before the program.
  if (owner_reference_.IsEmpty()) return;
  owner_ = parts->owner;
  program_ = parts->program;
}

bool Program::closed() const { return owner_ == nullptr || owner_->closed(); }

// bpf_program__name()
// name(): string
Napi::Value Program::Name(const Napi::CallbackInfo& info) {
  return Napi::String::New(info.Env(),
                           closed() ? "" : bpf_program__name(program_));
}

// bpf_program__section_name()
// section(): string
Napi::Value Program::Section(const Napi::CallbackInfo& info) {
  return Napi::String::New(info.Env(),
                           closed() ? "" : bpf_program__section_name(program_));
}

// bpf_program__fd()
// fd(): number
Napi::Value Program::Fd(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(),
                           closed() ? -EBADF : bpf_program__fd(program_));
}

// bpf_program__type(), enum bpf_prog_type
// type(): number
Napi::Value Program::Type(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(),
                           closed() ? -EBADF : bpf_program__type(program_));
}

// bpf_program__set_type()
// setType(type: number): number
Napi::Value Program::SetType(const Napi::CallbackInfo& info) {
  uint32_t type;
  if (!ReadArguments(info, &type)) return {};
  return Napi::Number::New(
      info.Env(), closed() ? -EBADF
                           : bpf_program__set_type(
                                 program_, static_cast<bpf_prog_type>(type)));
}

// bpf_program__expected_attach_type(), enum bpf_attach_type
// expectedAttachType(): number
Napi::Value Program::ExpectedAttachType(const Napi::CallbackInfo& info) {
  if (closed()) return Napi::Number::New(info.Env(), -EBADF);
  return Napi::Number::New(info.Env(),
                           bpf_program__expected_attach_type(program_));
}

// bpf_program__set_expected_attach_type()
// setExpectedAttachType(type: number): number
Napi::Value Program::SetExpectedAttachType(const Napi::CallbackInfo& info) {
  uint32_t type;
  if (!ReadArguments(info, &type)) return {};
  return Napi::Number::New(
      info.Env(), closed() ? -EBADF
                           : bpf_program__set_expected_attach_type(
                                 program_, static_cast<bpf_attach_type>(type)));
}

// bpf_program__flags(), BPF_F_*
// flags(): number
Napi::Value Program::Flags(const Napi::CallbackInfo& info) {
  if (closed()) return Napi::Number::New(info.Env(), -EBADF);
  return Napi::Number::New(info.Env(), bpf_program__flags(program_));
}

// bpf_program__set_flags()
// setFlags(flags: number): number
Napi::Value Program::SetFlags(const Napi::CallbackInfo& info) {
  uint32_t flags;
  if (!ReadArguments(info, &flags)) return {};
  return Napi::Number::New(
      info.Env(), closed() ? -EBADF : bpf_program__set_flags(program_, flags));
}

// bpf_program__autoload()
// autoload(): boolean
Napi::Value Program::Autoload(const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(),
                            !closed() && bpf_program__autoload(program_));
}

// bpf_program__set_autoload()
// setAutoload(autoload: boolean): number
Napi::Value Program::SetAutoload(const Napi::CallbackInfo& info) {
  bool autoload;
  if (!ReadArguments(info, &autoload)) return {};
  return Napi::Number::New(
      info.Env(),
      closed() ? -EBADF : bpf_program__set_autoload(program_, autoload));
}

// bpf_program__autoattach()
// autoattach(): boolean
Napi::Value Program::Autoattach(const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(),
                            !closed() && bpf_program__autoattach(program_));
}

// bpf_program__set_autoattach()
// setAutoattach(autoattach: boolean): number
Napi::Value Program::SetAutoattach(const Napi::CallbackInfo& info) {
  bool autoattach;
  if (!ReadArguments(info, &autoattach)) return {};
  if (closed()) return Napi::Number::New(info.Env(), -EBADF);
  bpf_program__set_autoattach(program_, autoattach);
  return Napi::Number::New(info.Env(), 0);
}

// bpf_program__set_attach_target(): a function of the kernel, or of a program
// that is loaded when its descriptor is not 0
// setAttachTarget(programFd: number, name: string): number
Napi::Value Program::SetAttachTarget(const Napi::CallbackInfo& info) {
  int32_t program_fd;
  std::string name;
  if (!ReadArguments(info, &program_fd, &name)) return {};
  if (closed()) return Napi::Number::New(info.Env(), -EBADF);
  const LogCapture capture;
  const int error =
      bpf_program__set_attach_target(program_, program_fd, name.c_str());
  if (program_fd == 0) owner_->KeepsKernelBtf();
  if (error != 0) environment_->log = capture.text();
  return Napi::Number::New(info.Env(), error);
}

// bpf_program__set_log_level() and bpf_program__set_log_buf(); without a size
// libbpf has memory of its own, which it prints when the load fails
// setLog(level: number, sizeBytes: number): number
Napi::Value Program::SetLog(const Napi::CallbackInfo& info) {
  constexpr uint32_t kLargestLog = 1 << 26;
  uint32_t level;
  uint32_t size_bytes;
  if (!ReadArguments(info, &level, &size_bytes)) return {};
  if (closed()) return Napi::Number::New(info.Env(), -EBADF);
  if (size_bytes > kLargestLog) return Napi::Number::New(info.Env(), -EINVAL);
  int error = bpf_program__set_log_level(program_, level);
  if (error == 0) {
    std::vector<char> memory(size_bytes);
    error = bpf_program__set_log_buf(
        program_, size_bytes == 0 ? nullptr : memory.data(), size_bytes);
    if (error == 0) owner_->LogOf(program_) = std::move(memory);
  }
  return Napi::Number::New(info.Env(), error);
}

// What the verifier wrote there
// verifierLog(): string
Napi::Value Program::VerifierLog(const Napi::CallbackInfo& info) {
  if (closed()) return Napi::String::New(info.Env(), "");
  const std::vector<char>& log = owner_->LogOf(program_);
  const auto end = std::find(log.begin(), log.end(), '\0');
  return Napi::String::New(info.Env(), log.data(),
                           static_cast<size_t>(end - log.begin()));
}

// struct bpf_prog_info, as long as the kernel has it, and the ids of the maps
// info(): Uint8Array | number
Napi::Value Program::Info(const Napi::CallbackInfo& info) {
  if (closed()) return Napi::Number::New(info.Env(), -EBADF);
  std::vector<uint8_t> bytes;
  const int error = ReadProgramInfo(bpf_program__fd(program_), &bytes);
  if (error != 0) return Napi::Number::New(info.Env(), error);
  return NewBytes(info.Env(), bytes.data(), bytes.size());
}

// bpf_prog_test_run_opts(), BPF_PROG_TEST_RUN: on the CPU `cpu`, or with -1 on
// this one. What a program of type "syscall" leaves in its context comes back;
// of others what the kernel gives of a context, if `contextBack`.
// testRun(context: Uint8Array | undefined, contextBack: boolean,
//   data: Uint8Array | undefined, repeat: number, cpu: number,
//   flags: number, batchSize: number): Run | number
Napi::Value Program::TestRun(const Napi::CallbackInfo& info) {
  constexpr size_t kContextRoom = 4096;
  // A program may lengthen its packet.
  constexpr size_t kDataRoom = 1 << 16;
  constexpr size_t kLargestInput = 1 << 24;
  constexpr uint32_t kOnCpu = 1;  // BPF_F_TEST_RUN_ON_CPU
  std::optional<Bytes> context;
  bool context_back;
  std::optional<Bytes> data;
  int32_t repeat;
  int32_t cpu;
  uint32_t flags;
  uint32_t batch_size;
  if (!ReadArguments(info, &context, &context_back, &data, &repeat, &cpu,
                     &flags, &batch_size)) {
    return {};
  }
  if (closed()) return Napi::Number::New(info.Env(), -EBADF);
  LIBBPF_OPTS(bpf_test_run_opts, options);
  std::vector<uint8_t> context_in;
  std::unique_ptr<uint8_t[]> context_out;
  std::unique_ptr<uint8_t[]> data_out;
  if (context) {
    if (context->size_bytes > kLargestInput) {
      return Napi::Number::New(info.Env(), -EINVAL);
    }
    // A copy, as the kernel writes to it.
    context_in.assign(context->data, context->data + context->size_bytes);
    options.ctx_in = context_in.data();
    options.ctx_size_in = static_cast<uint32_t>(context_in.size());
    if (context_back) {
      context_out.reset(new (std::nothrow) uint8_t[kContextRoom]);
      if (context_out == nullptr) {
        return Napi::Number::New(info.Env(), -ENOMEM);
      }
      options.ctx_out = context_out.get();
      options.ctx_size_out = kContextRoom;
    }
  }
  if (data) {
    if (data->size_bytes > kLargestInput) {
      return Napi::Number::New(info.Env(), -EINVAL);
    }
    const size_t room = data->size_bytes + kDataRoom;
    data_out.reset(new (std::nothrow) uint8_t[room]);
    if (data_out == nullptr) return Napi::Number::New(info.Env(), -ENOMEM);
    options.data_in = data->data;
    options.data_size_in = static_cast<uint32_t>(data->size_bytes);
    options.data_out = data_out.get();
    options.data_size_out = static_cast<uint32_t>(room);
  }
  options.repeat = repeat;
  options.flags = flags | (cpu < 0 ? 0 : kOnCpu);
  options.cpu = cpu < 0 ? 0 : static_cast<uint32_t>(cpu);
  options.batch_size = batch_size;
  if (bpf_prog_test_run_opts(bpf_program__fd(program_), &options) != 0) {
    return Napi::Number::New(info.Env(), -errno);
  }
  Napi::Value new_context = info.Env().Undefined();
  Napi::Value new_data = info.Env().Undefined();
  if (context_out != nullptr) {
    new_context =
        NewBytes(info.Env(), context_out.get(),
                 std::min<size_t>(options.ctx_size_out, kContextRoom));
  } else if (context && bpf_program__type(program_) == BPF_PROG_TYPE_SYSCALL) {
    new_context = NewBytes(info.Env(), context_in.data(), context_in.size());
  }
  if (data_out != nullptr) {
    new_data = NewBytes(info.Env(), data_out.get(), options.data_size_out);
  }
  Napi::Array run = Napi::Array::New(info.Env(), 4);
  if (run.IsEmpty() || new_context.IsEmpty() || new_data.IsEmpty()) return {};
  run.Set(0U, Napi::Number::New(info.Env(), options.retval));
  run.Set(1U, Napi::Number::New(info.Env(), options.duration));
  run.Set(2U, new_context);
  run.Set(3U, new_data);
  return run;
}

}  // namespace bpf_ringbuf
