// The sanitizer is preloaded for this process alone, not for its children.
'use strict'
delete process.env.LD_PRELOAD
