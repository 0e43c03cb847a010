#include "binding/btf_dump.h"

#include <iterator>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "binding/arguments.h"
#include "core/btf_dump.h"
#include "core/log.h"

namespace bpf_ringbuf {

namespace {

Names NamesOf(std::vector<std::string> list) {
  return {std::make_move_iterator(list.begin()),
          std::make_move_iterator(list.end())};
}

// btf_dump__dump_type(), of each type that is wanted
// dumpBtf(btf: Uint8Array, base: Uint8Array | undefined, all: boolean,
//         names: string[], aliases: string[]): Uint8Array | number
//   the text, or -errno
Napi::Value DumpTypes(const Napi::CallbackInfo& info) {
  Bytes bytes;
  std::optional<Bytes> base;
  bool all;
  std::vector<std::string> names;
  std::vector<std::string> aliases;
  if (!ReadArguments(info, &bytes, &base, &all, &names, &aliases)) return {};
  auto* environment = static_cast<Environment*>(info.Data());
  if (environment == nullptr) return {};
  const LogCapture capture;
  std::string text;
  const int error = DumpBtf(
      {bytes.data, bytes.size_bytes},
      {base ? base->data : nullptr, base ? base->size_bytes : 0},
      {all, NamesOf(std::move(names)), NamesOf(std::move(aliases))}, &text);
  if (error != 0) {
    environment->log = capture.text();
    return Napi::Number::New(info.Env(), error);
  }
  return NewBytes(info.Env(), text.data(), text.size());
}

}  // namespace

void InitBtfDump(Napi::Env env, Environment* environment,
                 Napi::Object exports) {
  exports.Set("dumpBtf",
              Napi::Function::New<DumpTypes>(env, "dumpBtf", environment));
}

}  // namespace bpf_ringbuf
