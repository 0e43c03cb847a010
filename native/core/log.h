// Capture of libbpf's messages, a thread at a time.
#ifndef BPF_RINGBUF_NATIVE_CORE_LOG_H_
#define BPF_RINGBUF_NATIVE_CORE_LOG_H_

#include <string>

namespace bpf_ringbuf {

// Collects what libbpf prints on the constructing thread until destruction.
// libbpf_set_print() is process-global and Node has worker threads, so one
// print function is installed for the process and writes to the capture of the
// calling thread; messages outside any capture are dropped. Captures nest, the
// innermost collects. Debug messages are not collected.
class LogCapture {
 public:
  LogCapture();
  ~LogCapture();
  LogCapture(const LogCapture&) = delete;
  LogCapture& operator=(const LogCapture&) = delete;

  // Installs the print function. Call once a process, before any capture.
  static void Install();

  const std::string& text() const { return text_; }

 private:
  friend struct LogSink;

  std::string text_;
  LogCapture* outer_;
};

}  // namespace bpf_ringbuf

#endif  // BPF_RINGBUF_NATIVE_CORE_LOG_H_
