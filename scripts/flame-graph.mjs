// Puts what a flame graph's page does into the page, with the libraries that draw it.
// Usage: flame-graph.mjs OUTPUT
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { build } from 'esbuild'

const [, , output] = process.argv
const { outputFiles } = await build({
  entryPoints: ['examples/kit/flame-graph.client.mjs'],
  bundle: true,
  minify: true,
  platform: 'browser',
  target: 'es2022',
  outdir: '.',
  write: false,
  logLevel: 'warning',
})
const textOf = (ending) => outputFiles.find(({ path }) => path.endsWith(ending)).text
const script = textOf('.js').replaceAll('</script', '<\\/script')
const page = readFileSync('examples/kit/flame-graph.html', 'utf8')
const bundle = `<style>${textOf('.css')}</style>\n<script>${script}</script>`
mkdirSync(dirname(output), { recursive: true })
writeFileSync(
  output,
  page.replace('<!-- bundle -->', () => bundle),
)
