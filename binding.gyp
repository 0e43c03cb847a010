{
  # node-gyp runs "<!@" commands when it configures: an absent or too old libbpf
  # fails there, with the message that says what to install.
  "targets": [
    {
      "target_name": "bpf_ringbuf",
      "sources": [
        "native/binding/addon.cc",
        "native/binding/arguments.cc",
        "native/core/attachment.cc",
        "native/core/batch.cc",
        "native/core/coalescer.cc",
        "native/binding/descriptor.cc",
        "native/core/guard.cc",
        "native/binding/link.cc",
        "native/core/info.cc",
        "native/core/log.cc",
        "native/binding/map.cc",
        "native/binding/object.cc",
        "native/core/map_claim.cc",
        "native/core/perf_source.cc",
        "native/core/poller.cc",
        "native/binding/program.cc",
        "native/binding/program_attach.cc",
        "native/binding/reader.cc",
        "native/core/ring_source.cc",
      ],
      "include_dirs": ["native", "<!(node -p \"require('node-addon-api').include_dir\")"],
      "defines": [
        "NAPI_VERSION=8",
        "NODE_ADDON_API_DISABLE_CPP_EXCEPTIONS",
        "NODE_ADDON_API_DISABLE_DEPRECATED",
        # Calls fail while a worker is terminated: no reason to end the process.
        "NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS",
      ],
      "cflags": ["-Wall", "-Wextra", "-Wno-missing-field-initializers", "<!@(sh scripts/find-libbpf.sh --cflags)"],
      "cflags_cc": ["-std=c++17", "-fvisibility=hidden"],
      "cflags_cc!": ["-std=gnu++17", "-std=gnu++20"],
      "libraries": ["<!@(sh scripts/find-libbpf.sh --libs)"],
    },
  ],
}
