#!/usr/bin/env node
// What package.json calls "bin".
import type { Output } from './command.js'
import { loadTool, toolNames } from './tool-files.js'

let hasFailed = false

function outputTo(stream: NodeJS.WriteStream): Output {
  let closed = false
  stream.on('error', (error: NodeJS.ErrnoException) => {
    // Else whoever read it has seen enough.
    if (error.code !== 'EPIPE' && !closed) {
      hasFailed = true
      process.exitCode = 1
      if (stream === process.stdout) {
        process.stderr.write(`bpf-ringbuf: Cannot write the output: ${error.message}\n`)
      }
    }
    closed = true
    stream.emit('drain')
  })
  const { NO_COLOR = '', TERM } = process.env
  return {
    write: (text) => {
      if (!closed) stream.write(text)
    },
    colored: stream.isTTY && NO_COLOR === '' && TERM !== 'dumb',
    get columns() {
      const { COLUMNS = '' } = process.env
      const asked = /^[1-9]\d{0,4}$/.test(COLUMNS) ? Number(COLUMNS) : undefined
      return asked ?? (stream.isTTY ? stream.columns || 80 : undefined)
    },
    get closed() {
      return closed
    },
    drained: () =>
      new Promise((resolve) => {
        if (closed || !stream.writableNeedDrain) resolve()
        else stream.once('drain', resolve)
      }),
  }
}

async function start([first, name = '', ...rest]: readonly string[]): Promise<number> {
  // A tool brings the library itself: that of the other commands is not loaded for it.
  if (first === 'run' && toolNames().includes(name)) return (await loadTool(name)).main(rest)
  const { runProgram } = await import('./program.js')
  return runProgram(process.argv.slice(2), outputTo(process.stdout), outputTo(process.stderr))
}

start(process.argv.slice(2)).then(
  (status) => {
    if (!hasFailed) process.exitCode = status
  },
  (error: unknown) => {
    // A mistake of this program's own.
    process.stderr.write(`bpf-ringbuf: ${String(error)}\n`)
    process.exitCode = 1
  },
)
