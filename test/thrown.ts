/** What an action threw. Errors made natively are not `instanceof` under jest. */
export interface Thrown {
  name: string
  message: string
  code?: string
  errno?: number
  operation?: string
  target?: string
  hint?: string
  log?: string
  bytes?: Uint8Array
}

/** What `action` throws; fails when it throws nothing. */
export function thrownBy(action: () => unknown): Thrown {
  try {
    action()
  } catch (error) {
    return error as Thrown
  }
  throw new Error('Nothing was thrown')
}

/** What `promise` rejects with; fails when it is fulfilled. */
export async function rejectionOf(promise: Promise<unknown>): Promise<Thrown> {
  try {
    await promise
  } catch (error) {
    return error as Thrown
  }
  throw new Error('It was not rejected')
}

/**
 * What is thrown as an uncaught exception by process.nextTick(), as callbacks' exceptions
 * are; under jest none reaches `process.on('uncaughtException')`.
 */
export function collectUncaught(): { readonly errors: unknown[]; [Symbol.dispose](): void } {
  const errors: unknown[] = []
  const nextTick = process.nextTick.bind(process)
  const spy = jest.spyOn(process, 'nextTick').mockImplementation((callback, ...args) => {
    nextTick(() => {
      try {
        Reflect.apply(callback, undefined, args)
      } catch (error) {
        errors.push(error)
      }
    })
  })
  return { errors, [Symbol.dispose]: () => spy.mockRestore() }
}
