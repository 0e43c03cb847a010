// Command lines: what is wrong with one is said in one line.
import { parseArgs, type ParseArgsConfig } from 'node:util'
import { BpfError } from 'bpf-ringbuf'

export class UsageError extends Error {}

export function parseOptions<const T extends ParseArgsConfig>(
  config: T,
): ReturnType<typeof parseArgs<T>>['values'] {
  try {
    return parseArgs(config).values
  } catch (error) {
    // Its first line names the argument, the others give advice.
    const [problem = ''] = (error as Error).message.split('\n', 1)
    throw new UsageError(problem.replace(/\p{Cc}/gu, '?'))
  }
}

/** For main().catch(): says what is wrong, and where when it is a mistake of the program's. */
export function fail(program: string, error: unknown): never {
  const isUsage = error instanceof UsageError
  let text = String(error)
  if (error instanceof Error) {
    text = isUsage || error instanceof BpfError ? error.message : (error.stack ?? error.message)
  }
  console.error(`${program}: ${text}`)
  // Children would keep it alive.
  process.exit(isUsage ? 2 : 1)
}
