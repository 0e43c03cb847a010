// The agent of start-up.ts, as small as one is: it says when it is attached, and waits.
//
//   node build/bench/idle-agent.js OBJECT
import { writeSync } from 'node:fs'
import { BpfObject, RingBuffer, struct, u32, u64 } from 'bpf-ringbuf'

const [, , path = ''] = process.argv
const Head = struct('head', { timestamp: u64, type: u32 }, { unchecked: true })

const object = BpfObject.open(path).load().attach()
new RingBuffer(object.map('events'), Head, () => undefined)
writeSync(1, 'attached\n')
