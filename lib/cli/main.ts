#!/usr/bin/env node
// What package.json calls "bin".
import type { Output } from './command.js'
import { runProgram } from './program.js'

function outputTo(stream: NodeJS.WriteStream): Output {
  // Whoever read it has seen enough.
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error
  })
  const { NO_COLOR = '', TERM } = process.env
  return {
    write: (text) => void stream.write(text),
    colored: stream.isTTY && NO_COLOR === '' && TERM !== 'dumb',
  }
}

runProgram(process.argv.slice(2), outputTo(process.stdout), outputTo(process.stderr)).then(
  (status) => {
    process.exitCode = status
  },
  (error: unknown) => {
    // A mistake of this program's own.
    process.stderr.write(`bpf-ringbuf: ${String(error)}\n`)
    process.exitCode = 1
  },
)
