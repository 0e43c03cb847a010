// Async iterators as users may call them: calls that overlap, return() at any time.

/**
 * An iterator over what `next` gives, until it gives nothing or throws. Calls
 * that overlap are answered one after another.
 *
 * @param ended Called once, when the iteration is over.
 */
export function serialIterator<V>(
  next: () => Promise<{ value: V } | undefined>,
  ended: () => void,
): RecordIterator<V> {
  let over = false
  const end = (): IteratorReturnResult<undefined> => {
    if (!over) ended()
    over = true
    return { done: true, value: undefined }
  }
  const step = async (): Promise<IteratorResult<V, undefined>> => {
    if (over) return end()
    try {
      const found = await next()
      return found === undefined ? end() : { done: false, value: found.value }
    } catch (error) {
      end()
      throw error
    }
  }
  let turn: Promise<unknown> = Promise.resolve()
  return {
    next: () => {
      const result = turn.then(step)
      turn = result.catch(() => undefined)
      return result
    },
    return: () => Promise.resolve(end()),
    [Symbol.asyncIterator]() {
      return this
    },
  }
}

/**
 * Iterates over records, or batches of them. `AsyncIterableIterator` of
 * TypeScript before 5.6 cannot say that nothing comes at the end.
 */
export interface RecordIterator<T> extends AsyncIterator<T, undefined, unknown> {
  [Symbol.asyncIterator](): RecordIterator<T>
}
