# Part of the Makefile: what has to hold of a version before it is published.

##@ Release
.PHONY: release-check
release-check: build prebuilds ## all that a release needs; ARGS='--tag vVERSION' (root, an hour)
	@node packaging/release-check.mjs $(ARGS)
	$(Q)$(MAKE) --no-print-directory lint
	$(Q)$(MAKE) --no-print-directory check-prebuilds
	$(Q)$(MAKE) --no-print-directory test-install
