# Part of the Makefile: the suites over newer libbpf than the system's, each static
# in an addon of its own. Its package root is a copy of this tree with a build/ of
# its own, in which objects are compiled with that libbpf's headers.

LIBBPF ?= 1.5 1.7
LIBBPF_ROOTS := $(LIBBPF:%=build/libbpf-%)
LIBBPF_PC := lib/pkgconfig/libbpf.pc
LIBBPF_QUICK_ADDON := build/libbpf-quick/bpf_ringbuf.node
# Neither what is made, nor what is fetched.
LIBBPF_COPIED = $(filter-out build .cache .git node_modules,$(shell ls -A))

##@ Other libbpf
.PHONY: test-libbpf $(LIBBPF_ROOTS)
test-libbpf: $(if $(findstring quick,$(ARGS)),$(LIBBPF_QUICK_ADDON),$(LIBBPF_ROOTS)) ## integration and process tests over static libbpf 1.5 and 1.7; LIBBPF=1.7, ARGS=--quick (root)
	@node test/libbpf/run.mjs $(ARGS) $(LIBBPF)

.cache/libbpf/sources/.fetched: test/libbpf/sources.json packaging/fetch-sources.mjs | packages
	$(call say,FETCH,$(@D))
	$(Q)node packaging/fetch-sources.mjs $(@D) $<
	@touch $@

.PRECIOUS: .cache/libbpf/%/$(LIBBPF_PC)
.cache/libbpf/%/$(LIBBPF_PC): test/libbpf/build-libbpf.sh .cache/libbpf/sources/.fetched
	$(call say,LIBBPF,$*)
	$(call quietly,sh $< .cache/libbpf/sources/$* .cache/libbpf/$*)
	@touch $@

# With the times that the files have, so that make there does what has changed. What
# is compiled from TypeScript is the same everywhere.
$(LIBBPF_ROOTS): build/libbpf-%: .cache/libbpf/%/$(LIBBPF_PC) build build-tests
	$(call say,COPY,$@)
	@mkdir -p $@/build/test
	@find $@ -mindepth 1 -maxdepth 1 ! -name build -exec rm -rf {} +
	@cp -a $(LIBBPF_COPIED) $@
	@ln -s $(abspath node_modules .cache) $@
	@cp -a build/examples $@/build
	@cp -a build/test/stress build/test/life $@/build/test
	@PKG_CONFIG_PATH=$(abspath $(<D)) CXXFLAGS=-O1 $(MAKE) --no-print-directory -C $@ build-over-libbpf

# In such a root, what depends on libbpf.
.PHONY: build-over-libbpf
build-over-libbpf: $(ADDON) $(BPF_OBJECTS) build-test-programs

# The short form is over the newest of them alone. Of the addon, what asks for libbpf's version
# is compiled anew, without optimisation; the rest is what build/ has. The tests take it by its
# name, with the objects that are there.
LIBBPF_NEWEST := .cache/libbpf/$(lastword $(LIBBPF))/$(LIBBPF_PC)
ASKS_LIBBPF = $(shell grep -lE 'LIBBPF_(AT_LEAST|MAJOR)' native/*/*.cc)
$(LIBBPF_QUICK_ADDON): $(LIBBPF_NEWEST) test/libbpf/libbpf.mk build build-tests
	$(call say,ADDON,$@)
	@mkdir -p $(@D)
	$(Q)PKG_CONFIG_PATH=$(abspath $(<D)) && export PKG_CONFIG_PATH && cd $(@D) && \
	  printf '%s\n' $(abspath $(ASKS_LIBBPF)) | xargs -P 0 -n 1 $(CXX) -std=c++17 -O0 -fPIC -c \
	    $(addprefix -D,$(call of_binding,defines)) -I$(CURDIR)/native $$(pkg-config --cflags libbpf) \
	    -isystem $(CURDIR)/node_modules/node-addon-api -isystem $(NODEDIR)/include/node && \
	  $(CXX) -shared -pthread -o $(@F) $(notdir $(ASKS_LIBBPF:.cc=.o)) \
	    $(patsubst native/%.cc,$(CURDIR)/build/Release/obj.target/bpf_ringbuf/native/%.o,$(filter-out \
	      $(ASKS_LIBBPF),$(call of_binding,sources))) $$(pkg-config --libs libbpf)
