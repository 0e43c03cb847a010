# Builds a prebuilt addon: zlib, libelf and libbpf as static libraries, and the addon with them.
# `make prebuilds` runs this by in-root.sh, which says where everything is:
#   /mnt/repo, /mnt/node (Node's headers), /mnt/sources (by name), /mnt/zig with
#   /mnt/zig-cache, /mnt/out
# TRIPLET: for which machine; ADDON_SOURCES, ADDON_DEFINES: as binding.gyp has them;
# MUSL: for musl instead of glibc, as zig calls the target

.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules

SOURCES := /mnt/sources
OUT := /mnt/out

# Debian has no musl for C++; zig has the sources of all of it in it, and keeps what it made of them.
ifdef MUSL
  export ZIG_GLOBAL_CACHE_DIR := /mnt/zig-cache
  export ZIG_LOCAL_CACHE_DIR := $(OUT)/zig
  CC := /mnt/zig/zig cc -target $(MUSL)
  CXX := /mnt/zig/zig c++ -target $(MUSL)
else
  CC := $(TRIPLET)-gcc
  CXX := $(TRIPLET)-g++
endif
AR := $(TRIPLET)-ar
OBJCOPY := $(TRIPLET)-objcopy

# Nobody else sees what the libraries export; what is not called goes.
COMMON := -O2 -g1 -fPIC -pthread -fvisibility=hidden -ffunction-sections -fdata-sections \
  -ffile-prefix-map=/mnt/= -D_FILE_OFFSET_BITS=64 -MD -MP

ADDON := $(OUT)/bpf_ringbuf.node
.PHONY: all
all: $(ADDON)

# clang's code is larger than gcc's: without what only debuggers read, which is in .debug.
ifdef MUSL
  C_ONLY := -fno-unwind-tables -fno-asynchronous-unwind-tables
  STRIPPED := --remove-section=.comment
endif

# With the part for files, which libbpf reads /proc/config.gz by.
ZLIB := adler32 compress crc32 deflate inffast inflate inftrees trees uncompr zutil gzlib gzread gzwrite gzclose
ZLIB_FLAGS := $(C_ONLY) -std=gnu99 -DHAVE_HIDDEN -DHAVE_UNISTD_H
ZLIB_OBJECTS := $(ZLIB:%=$(OUT)/zlib/%.o)

# No support of zstd: its compressed sections are rare, and libbpf reads none.
ELF := $(patsubst $(SOURCES)/elfutils/%.c,%,$(sort $(wildcard $(SOURCES)/elfutils/libelf/*.c))) lib/eu-search
ELF_FLAGS := $(C_ONLY) -std=gnu99 -D_GNU_SOURCE -DHAVE_CONFIG_H -DPIC -I$(OUT)/include \
  -I$(SOURCES)/elfutils/lib -I$(SOURCES)/elfutils/libelf -I$(SOURCES)/zlib
ELF_OBJECTS := $(ELF:%=$(OUT)/elfutils/%.o)

# What its configure would find.
ELF_HAS := HAVE_DECL_MEMPCPY HAVE_DECL_MEMRCHR HAVE_DECL_POWEROF2 HAVE_DECL_REALLOCARRAY \
  HAVE_FALLTHROUGH HAVE_MREMAP HAVE_STDATOMIC_H HAVE_VISIBILITY \
  $(if $(MUSL),HAVE_ERR_H,HAVE_ERROR_H HAVE_DECL_RAWMEMCHR)

# Those that its Makefile would compile.
BPF := $(sort $(notdir $(basename $(wildcard $(SOURCES)/libbpf/src/*.c))))
BPF_FLAGS := $(C_ONLY) -std=gnu89 -D_GNU_SOURCE -D_LARGEFILE64_SOURCE -I$(SOURCES)/libbpf/include \
  -I$(SOURCES)/libbpf/include/uapi -I$(SOURCES)/elfutils/libelf -I$(SOURCES)/zlib
BPF_OBJECTS := $(BPF:%=$(OUT)/libbpf/%.o)

# As node-gyp compiles it, but with -O2, and with the kernel's headers that libbpf has.
ADDON_FLAGS := -std=c++17 -fno-omit-frame-pointer -fno-exceptions -fno-rtti \
  -DBUILDING_NODE_EXTENSION $(ADDON_DEFINES:%=-D%) -Inative -I$(OUT)/include \
  -isystem $(SOURCES)/libbpf/include/uapi -isystem node_modules/node-addon-api -isystem /mnt/node
ADDON_OBJECTS := $(ADDON_SOURCES:%.cc=$(OUT)/addon/%.o)

$(ZLIB_OBJECTS) $(ELF_OBJECTS) $(BPF_OBJECTS) $(ADDON_OBJECTS): packaging/addon.mk packaging/sources.json
$(ADDON_OBJECTS): binding.gyp
-include $(wildcard $(OUT)/*/*.d $(OUT)/*/*/*.d $(OUT)/*/*/*/*.d)

LIBRARIES := $(OUT)/libbpf.a $(OUT)/libelf.a $(OUT)/libz.a
$(OUT)/libz.a: $(ZLIB_OBJECTS)
$(OUT)/libelf.a: $(ELF_OBJECTS)
$(OUT)/libbpf.a: $(BPF_OBJECTS)
$(LIBRARIES):
	@rm -f $@
	$(AR) rcsD $@ $^

$(ZLIB_OBJECTS): $(OUT)/zlib/%.o: $(SOURCES)/zlib/%.c
	@mkdir -p $(@D)
	$(CC) $(COMMON) $(ZLIB_FLAGS) -c $< -o $@

$(ELF_OBJECTS): $(OUT)/elfutils/%.o: $(SOURCES)/elfutils/%.c $(OUT)/include/config.h
	@mkdir -p $(@D)
	$(CC) $(COMMON) $(ELF_FLAGS) -c $< -o $@

$(BPF_OBJECTS): $(OUT)/libbpf/%.o: $(SOURCES)/libbpf/src/%.c
	@mkdir -p $(@D)
	$(CC) $(COMMON) $(BPF_FLAGS) -c $< -o $@

$(ADDON_OBJECTS): $(OUT)/addon/%.o: %.cc $(OUT)/include/bpf
	@mkdir -p $(@D)
	$(CXX) $(COMMON) $(ADDON_FLAGS) -c $< -o $@

$(OUT)/include/config.h:
	@mkdir -p $(@D)
	for name in $(ELF_HAS); do echo "#define $$name 1"; done >$@
	echo '#include <eu-config.h>' >>$@

$(OUT)/include/bpf:
	@mkdir -p $(@D)
	ln -s $(SOURCES)/libbpf/src $@

# -pthread gives the symbols of threads their versions.
$(OUT)/linked.node: $(ADDON_OBJECTS) $(LIBRARIES) packaging/exports.map
	$(CXX) -shared -pthread -static-libstdc++ -static-libgcc -Wl,--as-needed -Wl,--build-id=sha1 \
	  -Wl,--version-script=packaging/exports.map -Wl,--gc-sections -Wl,-z,now -Wl,-z,relro $(filter %.o %.a,$^) -o $@

$(ADDON).debug: $(OUT)/linked.node
	$(OBJCOPY) --only-keep-debug --compress-debug-sections $< $@

$(ADDON): $(OUT)/linked.node $(ADDON).debug
	cd $(@D) && $(OBJCOPY) --strip-all $(STRIPPED) --add-gnu-debuglink=$(@F).debug $< $@
