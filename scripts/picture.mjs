// docs/exec-snoop.svg: what exec-snoop prints while a script runs, as it stands in a
// terminal. Run it with `make picture`, as root.
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { text } from 'node:stream/consumers'

const user = 1000
const script =
  "id -un; ls /etc | grep -c conf; timeout 0.2 sleep 5; sh -c 'kill $$'; sh -c 'exit 3'; true"

const command = `make snoop ARGS='--exits --uid ${user}'`
const args = ['build/examples/exec-snoop.js', '--exits', '--uid', `${user}`]
const snoop = spawn(process.execPath, args)
await once(snoop.stderr, 'data') // it is attached
spawnSync('sh', ['-c', script], { uid: user, gid: user, cwd: '/', stdio: 'ignore' })
snoop.kill('SIGINT')
const [stdout, stderr] = await Promise.all([text(snoop.stdout), text(snoop.stderr)])
if (!stdout.includes('exited with 3')) throw new Error(`exec-snoop saw too little:\n${stdout}`)
const columns = 98
const cut = (line) => (line.length > columns ? `${line.slice(0, columns - 1)}…` : line)
const lines = `${stdout}${stderr}`.trimEnd().split('\n').map(cut)

const [character, height, top] = [8.4, 20, 62]
const width = Math.ceil(columns * character + 40)
const escaped = (line) => line.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
/** A line, as wide in any font as its characters are many. */
function row(line, index, color) {
  const length = (line.length * character).toFixed(1)
  return `<text x="20" y="${top + index * height}" fill="${color}" textLength="${length}" lengthAdjust="spacingAndGlyphs" xml:space="preserve">${escaped(line)}</text>`
}
/** Heads are grey, ends are coloured by how they went. */
function colorOf(line) {
  if (/ exited with 0 /.test(line)) return '#7ee787'
  if (/ (exited with|killed by) /.test(line)) return '#ff938a'
  return /^(TIME|\d+ events)/.test(line) ? '#9198a1' : '#e6edf3'
}
const rows = [
  row(`$ ${command}`, 0, '#79c0ff'),
  ...lines.map((line, i) => row(line, i + 1, colorOf(line))),
]
const dots = ['#ff5f57', '#febc2e', '#28c840'].map(
  (color, i) => `<circle cx="${22 + 20 * i}" cy="20" r="6" fill="${color}"/>`,
)
const picture = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${top + rows.length * height}" viewBox="0 0 ${width} ${top + rows.length * height}" role="img" aria-label="exec-snoop prints each process that starts, and how it ended" font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace" font-size="14">
<rect width="100%" height="100%" rx="8" fill="#0d1117"/>
${[...dots, ...rows].join('\n')}
</svg>
`
writeFileSync('docs/exec-snoop.svg', picture)
