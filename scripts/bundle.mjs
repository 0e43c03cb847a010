// Puts the library into one file, and the program bpf-ringbuf into another: Node
// loads one file much sooner than a hundred. The files that tsc makes, one a module,
// stay in dist/ for tests that look inside; only these and the declarations are packed.
// What is called the package's main file has the names alone: for `import` Node reads a
// file to find what it exports, which of the library takes Node 20 twice as long as the rest.
import { readFileSync, writeFileSync } from 'node:fs'
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
    library: 'lib/index.ts',
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

for (const file of ['dist/library.js', 'dist/cli/program.js']) {
  let text = readFileSync(file, 'utf8')
  // esbuild calls a class _NAME that names itself, which messages and console.log() would show.
  for (const [, name] of text.matchAll(/^var (\w+) = class _\1\b/gm)) {
    text = text.replace(new RegExp(`(?<![\\w$.])_${name}\\b`, 'g'), name)
  }
  // One character beyond ASCII, and V8 has two bytes for each: reading takes a third longer.
  // Only comments have any: esbuild writes strings without.
  text = text.replaceAll('…', '...')
  const [beyond] = /.*[^\0-\x7f].*/.exec(text) ?? []
  if (beyond !== undefined) throw new Error(`${file}: not in ASCII: ${beyond}`)
  writeFileSync(file, text)
}

const [names] = /^0 && \(module\.exports = \{[^}]*\}\);$/m.exec(
  readFileSync('dist/library.js', 'utf8'),
)
writeFileSync(
  'dist/index.js',
  `"use strict";\nconst library = require("./library.js");\nmodule.exports = library;\n${names}\n`,
)
