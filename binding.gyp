{
  # node-gyp runs "<!@" commands when it configures: an absent or too old libbpf
  # fails there, with the message that says what to install.
  "targets": [
    {
      "target_name": "bpf_ringbuf",
      "sources": [
        "native/binding/addon.cc",
        "native/binding/arguments.cc",
        "native/binding/flight_recorder.cc",
        "native/core/batch.cc",
        "native/core/coalescer.cc",
        "native/core/demangle.cc",
        "native/core/guard.cc",
        "native/binding/link.cc",
        "native/core/log.cc",
        "native/binding/map.cc",
        "native/core/map_entries.cc",
        "native/binding/map_handle.cc",
        "native/binding/object.cc",
        "native/core/map_claim.cc",
        "native/core/perf_snapshot.cc",
        "native/core/perf_source.cc",
        "native/core/poller.cc",
        "native/binding/probe.cc",
        "native/core/probe.cc",
        "native/binding/program.cc",
        "native/binding/reader.cc",
        "native/core/ring_snapshot.cc",
        "native/core/ring_source.cc",
        "native/core/user_ring.cc",
        "native/binding/user_ring_buffer.cc",
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
