// A Node that does nothing: what an agent's start and memory are compared with.
import { writeSync } from 'node:fs'

writeSync(1, 'started\n')
setInterval(() => undefined, 1 << 30)
