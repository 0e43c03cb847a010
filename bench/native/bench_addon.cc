// What a benchmark needs from inside a Node process: the system call that
// produces, and the reader that everybody writes first.
#include <bpf/libbpf.h>
#include <napi.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <string>
#include <thread>

namespace {

// trigger(): void
void Trigger(const Napi::CallbackInfo&) { syscall(SYS_getpgid, 0); }

// A thread-safe function call, a Buffer and a JavaScript call for each record.
class NaiveReader : public Napi::ObjectWrap<NaiveReader> {
 public:
  static void Init(Napi::Env env, Napi::Object exports) {
    exports.Set("NaiveReader",
                DefineClass(env, "NaiveReader",
                            {InstanceMethod<&NaiveReader::Close>("close")}));
  }

  // new NaiveReader(mapFd: number, onRecord: (record: Buffer) => void)
  explicit NaiveReader(const Napi::CallbackInfo& info)
      : Napi::ObjectWrap<NaiveReader>(info) {
    // A bound, or the queue would grow without end.
    constexpr size_t kQueued = 4096;
    on_record_ = Napi::ThreadSafeFunction::New(
        info.Env(), info[1].As<Napi::Function>(), "naive", kQueued, 1);
    ring_ = ring_buffer__new(info[0].As<Napi::Number>().Int32Value(), OnSample,
                             this, nullptr);
    thread_ = std::thread([this] {
      while (!stop_ && ring_ != nullptr) ring_buffer__poll(ring_, 50);
    });
  }

 private:
  static int OnSample(void* context, void* data, size_t size) {
    auto* reader = static_cast<NaiveReader*>(context);
    auto* copy = new std::string(static_cast<char*>(data), size);
    const napi_status status = reader->on_record_.BlockingCall(
        copy, [](Napi::Env env, Napi::Function on_record, std::string* record) {
          if (env != nullptr) {
            on_record.Call({Napi::Buffer<char>::Copy(env, record->data(),
                                                     record->size())});
          }
          delete record;
        });
    if (status == napi_ok) return 0;
    delete copy;
    return -ECANCELED;
  }

  // close(): void
  Napi::Value Close(const Napi::CallbackInfo& info) {
    stop_ = true;
    on_record_.Abort();
    thread_.join();
    ring_buffer__free(ring_);
    return info.Env().Undefined();
  }

  std::atomic<bool> stop_{false};
  Napi::ThreadSafeFunction on_record_;
  ring_buffer* ring_ = nullptr;
  std::thread thread_;
};

Napi::Object Init(Napi::Env env, Napi::Object exports) {
  exports.Set("trigger", Napi::Function::New<Trigger>(env, "trigger"));
  NaiveReader::Init(env, exports);
  return exports;
}

}  // namespace

NODE_API_MODULE(bench_addon, Init)
