// An HTTPS server and a client that asks it, as the tests of the tools that look into Node
// want them: what each of both sent and received is printed as JSON at the end.
// Usage: https.cjs serve | ask PORT COUNT | http-serve | http-ask PORT COUNT
const { execFileSync } = require('node:child_process')
const { mkdtempSync, readFileSync, rmSync } = require('node:fs')
const { tmpdir } = require('node:os')
const { join } = require('node:path')

const [, , mode, port, count = '1'] = process.argv
const isPlain = mode.startsWith('http-')
const http = require(isPlain ? 'node:http' : 'node:https')

function certificate() {
  const directory = mkdtempSync(join(tmpdir(), 'https-'))
  const key = join(directory, 'key.pem')
  const cert = join(directory, 'cert.pem')
  const how =
    '-x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost'
  execFileSync('openssl', ['req', ...how.split(' '), '-keyout', key, '-out', cert], {
    stdio: 'ignore',
  })
  const options = { key: readFileSync(key), cert: readFileSync(cert) }
  rmSync(directory, { recursive: true })
  return options
}

function serve() {
  const served = []
  const server = http.createServer(isPlain ? {} : certificate(), (request, response) => {
    let body = ''
    request.setEncoding('utf8').on('data', (text) => (body += text))
    request.on('end', () => {
      served.push({
        method: request.method,
        url: request.url,
        body,
        port: request.socket.remotePort,
      })
      const status = Number(
        new URL(request.url, 'http://localhost').searchParams.get('status') ?? 200,
      )
      const delayMs = Number(new URL(request.url, 'http://localhost').searchParams.get('ms') ?? 0)
      setTimeout(() => {
        response.writeHead(status, { 'content-type': 'text/plain' })
        response.end(`you said ${body} – ümlaut\x1b[31m`)
      }, delayMs)
    })
  })
  server.listen(0, '127.0.0.1', () => console.log(server.address().port))
  process.on('SIGTERM', () => {
    console.log(JSON.stringify(served))
    process.exit()
  })
}

/** One request, of which the time is measured. */
function ask(agent, path, method, body) {
  return new Promise((resolve, reject) => {
    const startMs = performance.now()
    const options = { host: '127.0.0.1', port, path, method, agent, rejectUnauthorized: false }
    const request = http.request(options, (response) => {
      const ms = performance.now() - startMs
      const { localPort } = response.socket
      let text = ''
      response.setEncoding('utf8').on('data', (piece) => (text += piece))
      response.on('end', () =>
        resolve({ status: response.statusCode, text, ms, localPort, path, method }),
      )
    })
    request.on('error', reject).end(body)
  })
}

async function askAll() {
  const agent = new http.Agent({ keepAlive: true })
  const answers = []
  for (let i = 0; i < Number(count); i++) {
    const path = `/number/${i}?status=${i % 3 === 2 ? 404 : 200}&ms=${10 * i}`
    answers.push(
      await ask(agent, path, i % 2 === 0 ? 'POST' : 'GET', i % 2 === 0 ? `body ${i} é\x07` : ''),
    )
  }
  console.log(JSON.stringify(answers))
  agent.destroy()
}

if (mode.endsWith('serve')) serve()
else void askAll()
