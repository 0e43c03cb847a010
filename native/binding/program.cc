#include "binding/program.h"

#include <bpf/bpf.h>
#include <errno.h>

#include "binding/arguments.h"
#include "binding/link.h"
#include "binding/object.h"
#include "core/log.h"

namespace bpf_ringbuf {

void Program::Init(Napi::Env env, Environment* environment) {
  environment->program_constructor = Napi::Persistent(
      DefineClass(env, "Program",
                  {
                      InstanceMethod<&Program::Name>("name"),
                      InstanceMethod<&Program::Section>("section"),
                      InstanceMethod<&Program::Type>("type"),
                      InstanceMethod<&Program::Fd>("fd"),
                      InstanceMethod<&Program::Autoload>("autoload"),
                      InstanceMethod<&Program::SetAutoload>("setAutoload"),
                      InstanceMethod<&Program::Attach>("attach"),
                      InstanceMethod<&Program::TestRun>("testRun"),
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

// bpf_program__type()
// type(): number
Napi::Value Program::Type(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(),
                           closed() ? -EBADF : bpf_program__type(program_));
}

// bpf_program__fd()
// fd(): number
Napi::Value Program::Fd(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(),
                           closed() ? -EBADF : bpf_program__fd(program_));
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

// bpf_program__attach()
// attach(): Link | number
Napi::Value Program::Attach(const Napi::CallbackInfo& info) {
  if (closed()) return Napi::Number::New(info.Env(), -EBADF);
  const LogCapture capture;
  bpf_link* link = bpf_program__attach(program_);
  if (link == nullptr) {
    const int error = -errno;
    environment_->log = capture.text();
    return Napi::Number::New(info.Env(), error);
  }
  return Link::Wrap(environment_, link);
}

// bpf_prog_test_run_opts(), BPF_PROG_TEST_RUN: runs the program once
// testRun(context: Uint8Array | undefined): number
//   the program's return value (>= 0, unsigned 32 bits) or -errno
Napi::Value Program::TestRun(const Napi::CallbackInfo& info) {
  if (closed()) return Napi::Number::New(info.Env(), -EBADF);
  std::optional<Bytes> context;
  if (!ReadArguments(info, &context)) return {};
  LIBBPF_OPTS(bpf_test_run_opts, options);
  if (context) {
    options.ctx_in = context->data;
    options.ctx_size_in = static_cast<uint32_t>(context->size_bytes);
  }
  if (bpf_prog_test_run_opts(bpf_program__fd(program_), &options) != 0) {
    return Napi::Number::New(info.Env(), -errno);
  }
  return Napi::Number::New(info.Env(), options.retval);
}

}  // namespace bpf_ringbuf
