// Makes functions of source, where code may be made of strings.
import { fieldCount, type Type } from './struct.js'

let compiledCount = 0
let warned = false

/** With more fields a type's code would take long to compile, and gain little. */
const mostFields = 2048

/** Whether code is made for a type; others are read and written without, and nobody is warned. */
export function isCompilable(type: Type): boolean {
  return fieldCount(type) <= mostFields
}

/**
 * What `source` returns. Where code may not be made of strings,
 * `--disallow-code-generation-from-strings`, it is nothing, and the process is warned
 * once.
 *
 * @param name What it is for, as profilers show it.
 * @param values What the source knows, by name.
 * @param source Has only integers and C identifiers of what is not written here.
 */
export function compileSource(
  name: string,
  values: Readonly<Record<string, unknown>>,
  source: string,
): unknown {
  // A source of its own: V8 shares what it learns between functions of the same.
  const url = `bpf-ringbuf/${name.replace(/\W/g, '_')}-${String(++compiledCount)}.js`
  const whole = `'use strict'\n${source}\n//# sourceURL=${url}`
  try {
    // eslint-disable-next-line @typescript-eslint/no-implied-eval -- see above
    const factory = new Function(...Object.keys(values), whole) as (...given: unknown[]) => unknown
    return factory(...Object.values(values))
  } catch (error) {
    if ((error as Error).name !== 'EvalError') throw error
    if (!warned) {
      process.emitWarning(
        'Values are read and written more slowly, as code may not be made of strings',
        {
          code: 'BPF_RINGBUF_SLOW_DECODER',
          detail:
            'bpf-ringbuf compiles a loop for each type; --disallow-code-generation-from-strings',
        },
      )
    }
    warned = true
    return undefined
  }
}
