// Puts the library into one file, and the program bpf-ringbuf into another: Node
// loads one file much sooner than a hundred. The files that tsc makes, one a module,
// stay in dist/ for tests that look inside; only these and the declarations are packed.
import { build } from 'esbuild'

const options = {
  outdir: 'dist',
  bundle: true,
  // Dependencies are asked for where they are installed.
  packages: 'external',
  platform: 'node',
  format: 'cjs',
  target: 'node20',
  logLevel: 'warning',
}
await build({
  ...options,
  entryPoints: {
    index: 'lib/index.ts',
    'cli/program': 'lib/cli/program.ts',
    // For the install script, which runs before there is an addon.
    prebuilt: 'lib/addon/load.ts',
  },
})
// It starts tools without the rest of the program.
await build({
  ...options,
  entryPoints: { 'cli/main': 'lib/cli/main.ts' },
  external: ['./program.js'],
})
