#include "core/log.h"

#include <bpf/libbpf.h>

#include <cstdarg>
#include <cstdio>

namespace bpf_ringbuf {

namespace {

thread_local LogCapture* innermost = nullptr;

}  // namespace

struct LogSink {
  static int Print(libbpf_print_level level, const char* format, va_list args) {
    if (innermost == nullptr || level == LIBBPF_DEBUG) return 0;
    va_list measured;
    va_copy(measured, args);
    const int length = vsnprintf(nullptr, 0, format, measured);
    va_end(measured);
    if (length <= 0) return length;
    std::string& text = innermost->text_;
    const size_t end = text.size();
    text.resize(end + static_cast<size_t>(length) + 1);
    vsnprintf(&text[end], static_cast<size_t>(length) + 1, format, args);
    text.pop_back();
    return length;
  }
};

LogCapture::LogCapture() : outer_(innermost) { innermost = this; }

LogCapture::~LogCapture() { innermost = outer_; }

void LogCapture::Install() { libbpf_set_print(LogSink::Print); }

}  // namespace bpf_ringbuf
