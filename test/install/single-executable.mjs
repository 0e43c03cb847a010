// Makes one executable file of build/examples/single-executable.js, as
// docs/install.md says, and prints its size.
// Usage: single-executable.mjs FILE
import { copyFileSync, mkdirSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { mustRun, root } from '../checks.mjs'
import { fromRegistry } from '../registry.mjs'

const file = resolve(process.argv[2])
mkdirSync(dirname(file), { recursive: true })
const modules = await fromRegistry('esbuild@0.28.2', 'postject@1.0.0-alpha.6')
const tool = (name, ...args) => mustRun(join(modules, '.bin', name), args)

const program = join(root, 'build/examples/single-executable.js')
const options = ['--bundle', '--platform=node', '--alias:bpf-ringbuf=./dist/index.js']
await tool('esbuild', program, ...options, `--outfile=${file}.js`)
const config = {
  main: `${file}.js`,
  output: `${file}.blob`,
  disableExperimentalSEAWarning: true,
  // What V8 compiles of it now need not be parsed at each start.
  useCodeCache: true,
  assets: {
    addon: join(root, `prebuilds/linux-${process.arch}/bpf_ringbuf.node`),
    object: join(root, 'build/bpf/ringbuf-reserve-submit.bpf.o'),
  },
}
writeFileSync(`${file}.json`, JSON.stringify(config))
await mustRun(process.execPath, ['--experimental-sea-config', `${file}.json`])
copyFileSync(process.execPath, file)
const fuse = ['--sentinel-fuse', 'NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2']
await tool('postject', file, 'NODE_SEA_BLOB', `${file}.blob`, ...fuse)

const megabytes = (path) => (statSync(path).size / 1e6).toFixed(1)
console.log(`${file}: ${megabytes(file)} MB, of which Node is ${megabytes(process.execPath)} MB`)
