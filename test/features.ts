// What depends on the kernel: it works where the kernel has it, otherwise the
// error says what is lacking.
//
// KERNEL_LACKS, names separated by commas, says what this kernel must not have;
// it must have all others. Without it either is taken. FEATURES_FILE is where to
// write what was found, for test/kernels.
import { appendFileSync } from 'node:fs'
import type { BpfErrorCode } from '../lib/index.js'
import type { Thrown } from './thrown.js'

const lacking = process.env['KERNEL_LACKS']?.split(',')
const featuresFile = process.env['FEATURES_FILE']

export type Refusal = [BpfErrorCode, RegExp]

/** What an action threw, if it did. */
export function errorOf(action: () => unknown): Thrown | undefined {
  try {
    action()
    return undefined
  } catch (error) {
    return error as Thrown
  }
}

/** Checks whether it may be refused, and how it is. */
export function judge(feature: string, error: Thrown | undefined, ...refusals: Refusal[]): void {
  if (featuresFile !== undefined) {
    const { code, hint, message } = error ?? {}
    appendFileSync(featuresFile, `${JSON.stringify({ feature, code, hint, message })}\n`)
  }
  if (lacking !== undefined) {
    const refused = error !== undefined
    expect({ refused, message: error?.message }).toMatchObject({
      refused: lacking.includes(feature),
    })
  }
  if (error === undefined) return
  const known = refusals.some(
    ([code, message]) => code === error.code && message.test(error.message),
  )
  expect({ error: error.code, message: error.message, known }).toMatchObject({ known: true })
}
