/** For `toThrow()`: misuse of the API, with this message. */
export function misuse(name: 'TypeError' | 'RangeError', message: string): Error {
  const code = name === 'TypeError' ? 'ERR_INVALID_ARG_TYPE' : 'ERR_OUT_OF_RANGE'
  return expect.objectContaining({ name, code, message }) as Error
}
