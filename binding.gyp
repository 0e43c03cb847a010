{
  # node-gyp runs "<!@" commands when it configures: an absent or too old libbpf
  # fails there, with the message that says what to install.
  "targets": [
    {
      "target_name": "bpf_ringbuf",
      "sources": [
        "native/addon.cc",
        "native/batch.cc",
        "native/coalescer.cc",
        "native/link.cc",
        "native/log.cc",
        "native/map.cc",
        "native/object.cc",
        "native/perf_source.cc",
        "native/poller.cc",
        "native/program.cc",
        "native/reader.cc",
        "native/ring_source.cc",
      ],
      "include_dirs": ["<!(node -p \"require('node-addon-api').include_dir\")"],
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
