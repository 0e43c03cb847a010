// Photographs pages of the site in headless Chromium, at two widths, light and dark, and
// fails when one of them is wider than its window. Usage: screens.mjs SITE OUT [PAGE]...
// A page may be one such as guide/maps.html#all-entries.
// Without pages all are looked at, and none is photographed.
import { spawn } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:http'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { extname, join, normalize } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'

const [site, out, ...chosen] = process.argv.slice(2)
const types = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
}
for (const page of chosen) {
  if (!existsSync(join(site, page.replace(/#.*/, '')))) throw new Error(`${site} has no ${page}`)
}
const server = createServer(({ url }, response) => {
  const path = join(site, normalize(decodeURI(new URL(url, 'http://site').pathname)))
  try {
    const body = readFileSync(path.endsWith('/') ? `${path}index.html` : path)
    response.writeHead(200, { 'content-type': types[extname(path)] ?? 'application/octet-stream' })
    response.end(body)
  } catch {
    response.writeHead(404).end()
  }
}).listen(0, '127.0.0.1')
await once(server, 'listening')
const origin = `http://127.0.0.1:${server.address().port}`

const profile = mkdtempSync(join(tmpdir(), 'screens-'))
const chromium = spawn(
  'chromium',
  [
    '--headless',
    '--no-sandbox',
    '--disable-gpu',
    '--remote-debugging-pipe',
    `--user-data-dir=${profile}`,
  ],
  { stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'] },
)
const [, , , commands, answers] = chromium.stdio

let last = 0
const waiting = new Map()
const loaded = []
function receive(message) {
  const { id, method, result, error } = JSON.parse(message)
  if (method === 'Page.loadEventFired') loaded.shift()?.()
  waiting.get(id)?.(error === undefined ? result : Promise.reject(new Error(error.message)))
}
let received = ''
answers.setEncoding('utf8').on('data', (data) => {
  const messages = (received + data).split('\0')
  received = messages.pop()
  messages.forEach(receive)
})
let sessionId
function send(method, params = {}) {
  commands.write(`${JSON.stringify({ id: ++last, method, params, sessionId })}\0`)
  return new Promise((resolve) => waiting.set(last, resolve))
}
async function evaluate(expression) {
  const { result } = await send('Runtime.evaluate', { expression, returnByValue: true })
  return result.value
}

// What is wider than the window, without what scrolls on its own.
const tooWide = `(() => {
  const { scrollWidth, clientWidth } = document.documentElement
  if (scrollWidth <= clientWidth) return ''
  const wide = [...document.querySelectorAll('main *')].filter((element) =>
    element.getBoundingClientRect().right > clientWidth + 1 && !element.closest('pre, table, .vp-code, div[class*=language-]'))
  return scrollWidth + ' > ' + clientWidth + ': ' + wide.slice(0, 3).map((element) => element.outerHTML.slice(0, 120)).join(' ')
})()`

const pages =
  chosen.length > 0
    ? chosen
    : readdirSync(site, { recursive: true }).filter((name) => name.endsWith('.html'))
let looked = 0
try {
  const { targetId } = await send('Target.createTarget', { url: 'about:blank' })
  ;({ sessionId } = await send('Target.attachToTarget', { targetId, flatten: true }))
  await send('Page.enable')
  for (const width of [1280, 390]) {
    await send('Emulation.setDeviceMetricsOverride', {
      width,
      height: 1400,
      deviceScaleFactor: 1,
      mobile: width < 500,
    })
    for (const scheme of chosen.length > 0 ? ['light', 'dark'] : ['light']) {
      await send('Emulation.setEmulatedMedia', {
        features: [{ name: 'prefers-color-scheme', value: scheme }],
      })
      for (const page of pages) {
        const isLoaded = new Promise((resolve) => loaded.push(resolve))
        await send('Page.navigate', { url: `${origin}/${page.replace(/(#|$)/, `?${looked}$1`)}` })
        await isLoaded
        looked++
        const problem = await evaluate(tooWide)
        if (problem !== '') {
          console.error(`${page} at ${width}: ${problem}`)
          process.exitCode = 1
        }
        if (chosen.length === 0) continue
        await pause(500) // fonts and colours
        const { data } = await send('Page.captureScreenshot')
        mkdirSync(out, { recursive: true })
        const name = `${page.replace('.html', '').replaceAll(/\W/g, '_')}-${width}-${scheme}.png`
        writeFileSync(join(out, name), Buffer.from(data, 'base64'))
      }
    }
  }
  console.log(`${looked} looks at ${pages.length} pages`)
} finally {
  const ended = once(chromium, 'exit')
  // Killed, it would leave children that still write into its profile.
  sessionId = undefined
  void send('Browser.close')
  await ended
  server.close()
  rmSync(profile, { recursive: true, force: true, maxRetries: 5 })
}
