// Rings that are declared for other loaders.

/**
 * A ring whose declaration says what its records are: other loaders take that out, and
 * the kernel wants none.
 */
export function prepareRing(map: { type: string; keySize: number; valueSize: number }): void {
  if (map.type !== 'ringbuf') return
  if (map.keySize !== 0) map.keySize = 0
  if (map.valueSize !== 0) map.valueSize = 0
}
