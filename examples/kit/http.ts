// Requests and responses of HTTP/1, as far as their first bytes say what they are.

export interface Heads {
  readonly method: string
  /** As it stands in the request. */
  readonly url: string
  /** The URL is longer. */
  readonly truncated: boolean
  readonly status: number
}

/** Until the NUL, or the end. */
function textOf(bytes: Uint8Array): string {
  const end = bytes.indexOf(0)
  return Buffer.from(end < 0 ? bytes : bytes.subarray(0, end)).toString()
}

/** Of a request and what answers it; nothing when it is something else that began like them. */
export function parseHeads(request: Uint8Array, response: Uint8Array): Heads | undefined {
  const [line = '', rest] = textOf(request).split('\r\n', 2)
  const [, method, url] = /^(\S+) (\S*)/.exec(line) ?? []
  const [, status] = /^HTTP\/\d\.\d (\d{3})/.exec(textOf(response)) ?? []
  if (method === undefined || url === undefined || status === undefined) return undefined
  const truncated = rest === undefined && !/ HTTP\/1\.\d$/.test(line)
  return { method, url, truncated, status: Number(status) }
}
