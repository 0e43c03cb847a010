#include "binding/user_ring_buffer.h"

#include <errno.h>

#include <algorithm>
#include <utility>

#include "binding/arguments.h"
#include "core/log.h"

namespace bpf_ringbuf {

namespace {

// So that a thread of the pool is free again soon.
constexpr uint32_t kLongestWaitMs = 1000;

// A thread of libuv's pool waits, not JavaScript's. It shares what it waits
// for, so that the ring may be closed meanwhile.
class WaitForRoomWorker final : public Napi::AsyncWorker {
 public:
  WaitForRoomWorker(Napi::Env env, std::shared_ptr<RoomWatch> room,
                    int timeout_ms)
      : Napi::AsyncWorker(env, "bpf-ringbuf"),
        room_(std::move(room)),
        timeout_ms_(timeout_ms),
        over_(env) {}

  Napi::Promise promise() const { return over_.Promise(); }

 protected:
  void Execute() override { room_->Wait(timeout_ms_); }
  void OnOK() override { over_.Resolve(Env().Undefined()); }

 private:
  const std::shared_ptr<RoomWatch> room_;
  const int timeout_ms_;
  Napi::Promise::Deferred over_;
};

}  // namespace

void UserRingBuffer::Init(Napi::Env env, Environment* environment,
                          Napi::Object exports) {
  exports.Set(
      "UserRingBuffer",
      DefineClass(
          env, "UserRingBuffer",
          {
              InstanceMethod<&UserRingBuffer::Open>("open"),
              InstanceMethod<&UserRingBuffer::Write>("write"),
              InstanceMethod<&UserRingBuffer::Reserve>("reserve"),
              InstanceMethod<&UserRingBuffer::Submit>("submit"),
              InstanceMethod<&UserRingBuffer::Discard>("discard"),
              InstanceMethod<&UserRingBuffer::WaitForRoom>("waitForRoom"),
              InstanceMethod<&UserRingBuffer::Close>("close"),
          },
          environment));
}

// new UserRingBuffer()
UserRingBuffer::UserRingBuffer(const Napi::CallbackInfo& info)
    : Napi::ObjectWrap<UserRingBuffer>(info),
      environment_(static_cast<Environment*>(info.Data())) {}

UserRingBuffer::~UserRingBuffer() { CloseHandle(); }

void UserRingBuffer::CloseHandle() {
  if (ring_ == nullptr) return;
  environment_->Remove(this);
  ring_.reset();
}

// user_ring_buffer__new()
// open(mapFd: number): number
Napi::Value UserRingBuffer::Open(const Napi::CallbackInfo& info) {
  int32_t map_fd;
  if (!ReadArguments(info, &map_fd)) return {};
  if (std::exchange(opened_, true)) {
    return Napi::Number::New(info.Env(), -EALREADY);
  }
  const LogCapture capture;
  const int error = UserRing::Open(map_fd, &ring_);
  if (error != 0) {
    environment_->log = capture.text();
  } else {
    environment_->Add(this);
  }
  return Napi::Number::New(info.Env(), error);
}

// user_ring_buffer__reserve(), user_ring_buffer__submit()
// write(bytes: Uint8Array, sizeBytes: number): number
//   takes that many of the first bytes
Napi::Value UserRingBuffer::Write(const Napi::CallbackInfo& info) {
  if (ring_ == nullptr) return Napi::Number::New(info.Env(), -EBADF);
  Bytes bytes;
  uint32_t size_bytes;
  if (!ReadArguments(info, &bytes, &size_bytes)) return {};
  if (size_bytes > bytes.size_bytes) {
    return Napi::Number::New(info.Env(), -EINVAL);
  }
  return Napi::Number::New(info.Env(), ring_->Write(bytes.data, size_bytes));
}

// user_ring_buffer__reserve()
// reserve(sizeBytes: number): number
//   the reservation's number
Napi::Value UserRingBuffer::Reserve(const Napi::CallbackInfo& info) {
  if (ring_ == nullptr) return Napi::Number::New(info.Env(), -EBADF);
  uint32_t size_bytes;
  if (!ReadArguments(info, &size_bytes)) return {};
  uint32_t number = 0;
  // Apart, as the two have no type in common that can be negative.
  const int error = ring_->Reserve(size_bytes, &number);
  if (error != 0) return Napi::Number::New(info.Env(), error);
  return Napi::Number::New(info.Env(), number);
}

// user_ring_buffer__submit()
// submit(reservation: number, bytes: Uint8Array): number
Napi::Value UserRingBuffer::Submit(const Napi::CallbackInfo& info) {
  if (ring_ == nullptr) return Napi::Number::New(info.Env(), -EBADF);
  uint32_t number;
  Bytes bytes;
  if (!ReadArguments(info, &number, &bytes)) return {};
  return Napi::Number::New(info.Env(),
                           ring_->Submit(number, bytes.data, bytes.size_bytes));
}

// user_ring_buffer__discard()
// discard(reservation: number): number
Napi::Value UserRingBuffer::Discard(const Napi::CallbackInfo& info) {
  if (ring_ == nullptr) return Napi::Number::New(info.Env(), -EBADF);
  uint32_t number;
  if (!ReadArguments(info, &number)) return {};
  return Napi::Number::New(info.Env(), ring_->Discard(number));
}

// epoll_wait() on a thread of libuv's pool: until a program drains the ring,
// the ring is closed, or the time is over
// waitForRoom(timeoutMs: number): Promise<void> | undefined
//   at most a second
Napi::Value UserRingBuffer::WaitForRoom(const Napi::CallbackInfo& info) {
  uint32_t timeout_ms;
  if (!ReadArguments(info, &timeout_ms)) return {};
  if (ring_ == nullptr) return info.Env().Undefined();
  auto* worker = new WaitForRoomWorker(
      info.Env(), ring_->room(),
      static_cast<int>(std::min(timeout_ms, kLongestWaitMs)));
  const Napi::Promise promise = worker->promise();
  worker->Queue();
  return promise;
}

// user_ring_buffer__free(), after a discard of what is reserved
// close(): void
Napi::Value UserRingBuffer::Close(const Napi::CallbackInfo& info) {
  CloseHandle();
  return info.Env().Undefined();
}

}  // namespace bpf_ringbuf
