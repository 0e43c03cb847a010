// Addresses of network connections, as programs record them.

/** Of 16 bytes: IPv6's, or IPv4's after ::ffff:. */
export function addressOf(bytes: Uint8Array): string {
  const isIpv4 = bytes.subarray(0, 12).every((byte, index) => byte === (index < 10 ? 0 : 0xff))
  if (isIpv4) return bytes.subarray(12).join('.')
  const groups = Buffer.from(bytes).toString('hex').match(/.{4}/g) ?? []
  // It knows how zeros are left out.
  return new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1)
}

/** As in a URL. */
export function endpoint(address: string, port: number): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`
}
