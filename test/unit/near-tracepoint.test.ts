import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { didYouMeanRawTracepoint, didYouMeanTracepoint } from '../../lib/machine/near-tracepoint.js'
import { diagnoseAttach } from '../../lib/machine/diagnose-attach.js'
import type { SystemFacts } from '../../lib/machine/facts.js'

let events: string

beforeEach(() => {
  events = mkdtempSync(join(tmpdir(), 'bpf-ringbuf-events-'))
  for (const name of ['sched/sched_process_exec', 'sched/sched_switch', 'syscalls/sys_enter_open'])
    mkdirSync(join(events, name), { recursive: true })
})

afterEach(() => {
  rmSync(events, { recursive: true })
})

test.each([
  ['sched/sched_process_exek', '; did you mean "sched_process_exec"?'],
  ['schde/sched_switch', '; did you mean "sched"?'],
  ['sched/nothing_like_it', ''],
  ['nowhere', ''],
])('%s%s', (place, answer) => {
  expect(didYouMeanTracepoint(place, events)).toBe(answer)
})

test.each([
  ['sched_swich', '; did you mean "sched_switch"?'],
  ['sys_enter_opem', ''],
  ['nothing_like_it', ''],
])('raw tracepoint %s%s', (name, answer) => {
  expect(didYouMeanRawTracepoint(name, events)).toBe(answer)
})

test('there is no answer without tracefs', () => {
  expect(didYouMeanTracepoint('sched/sched_switch', join(events, 'none'))).toBe('')
})

test.each([
  [
    'tp/sched/sched_process_exek',
    'tracepoint sched/sched_process_exek: see /sys/kernel/tracing/available_events; did you mean "sched_process_exec"?',
  ],
  ['raw_tp/sched_swich', 'raw tracepoint sched_swich; did you mean "sched_switch"?'],
])('the hint of %s, which there is not, has the nearest one', (section, ending) => {
  const facts = { tracefs: true, kernelRelease: '6.12' } as SystemFacts
  expect(diagnoseAttach({ errno: -2, log: '', section } as never, facts, events)?.hint).toBe(
    `This kernel (6.12) has no ${ending}`,
  )
})
