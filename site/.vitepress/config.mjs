// The site of docs/: VitePress over build/site-pages/, where `make docs` puts the pages as
// they are in docs/, with the reference that TypeDoc made beside them.
import { existsSync, readFileSync } from 'node:fs'
import { join, posix } from 'node:path'
import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitepress'
import { sidebar } from './sidebar.mjs'

const root = fileURLToPath(new URL('../..', import.meta.url))
const { repository } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
const { GITHUB_REPOSITORY: slug, GITHUB_SERVER_URL: server, DOCS_BASE: base = '/' } = process.env
// Of a fork its own; of a clone what the package says.
const home =
  slug === undefined
    ? repository?.url?.replace(/^git\+/, '').replace(/\.git$/, '')
    : `${server}/${slug}`

/** Links that lead out of docs/, to a file of the repository, lead to where it is to be seen. */
function linkToRepository(md) {
  md.core.ruler.push('repository', ({ tokens, env }) => {
    for (const token of tokens.flatMap(({ children }) => children ?? [])) {
      if (token.type !== 'link_open') continue
      const href = token.attrGet('href')
      if (/^([a-z]+:|#|\/)/.test(href)) continue
      const [path, hash = ''] = href.split(/(?=#)/)
      const target = posix.join('docs', posix.dirname(env.relativePath), path)
      if (target.startsWith('docs/')) continue
      if (!existsSync(join(root, target))) throw new Error(`${env.relativePath}: no ${target}`)
      if (home !== undefined) token.attrSet('href', `${home}/blob/main/${target}${hash}`)
      else token.attrs = token.attrs.filter(([name]) => name !== 'href')
    }
  })
}

export default defineConfig({
  title: 'bpf-ringbuf',
  description: 'BPF objects and their ring buffers as typed TypeScript, on Node and libbpf',
  base,
  srcDir: '../build/site-pages',
  outDir: '../build/site',
  cacheDir: '../build/site-cache',
  rewrites: { 'guide/README.md': 'guide/index.md' },
  lastUpdated: false,
  markdown: {
    config: linkToRepository,
    languageAlias: { bt: 'awk' },
    // Of "```c agent.bpf.c" the name of the file stands above the code.
    theme: { light: 'github-light', dark: 'github-dark' },
  },
  themeConfig: {
    search: { provider: 'local' },
    outline: [2, 3],
    nav: [
      { text: 'Start', link: '/guide/start' },
      { text: 'Guide', link: '/guide/' },
      { text: 'Troubleshooting', link: '/guide/troubleshooting' },
      { text: 'Reference', link: '/reference/' },
    ],
    sidebar: sidebar(join(root, 'build/site-pages/reference/typedoc-sidebar.json')),
    ...(home !== undefined && { socialLinks: [{ icon: 'github', link: home }] }),
  },
})
