// Holds its event loop three times, and prints for how long, and what its own monitor says.
// It is there until it is told to end.
// Usage: stall.cjs
const { execFileSync } = require('node:child_process')
const { monitorEventLoopDelay } = require('node:perf_hooks')
const { setTimeout: sleep } = require('node:timers/promises')

// A generator is never a part of the function that calls it.
function* holdTheLoop(ms) {
  const end = performance.now() + ms
  let sum = 0
  while (performance.now() < end) for (let i = 0; i < 100_000; i++) sum += i % 7
  yield sum
}

function waitInTheLoop(ms) {
  execFileSync('sleep', [String(ms / 1000)])
}

/** In a callback of its own. */
function holdIn(hold, ms) {
  return new Promise((resolve) => {
    setTimeout(() => {
      const startMs = performance.now()
      hold(ms)
      resolve(performance.now() - startMs)
    }, 20)
  })
}

async function main() {
  const stalls = []
  for (const [name, hold, ms] of [
    ['holdTheLoop', (ms) => holdTheLoop(ms).next(), 250],
    ['waitInTheLoop', waitInTheLoop, 700],
    ['holdTheLoop', (ms) => holdTheLoop(ms).next(), 1300],
  ]) {
    const monitor = monitorEventLoopDelay({ resolution: 1 })
    monitor.enable()
    const took = await holdIn(hold, ms)
    await sleep(20)
    monitor.disable()
    stalls.push({ name, ms: took, monitorMs: monitor.max / 1e6 })
  }
  console.log(JSON.stringify(stalls))
  setInterval(() => undefined, 60_000)
}
void main()
