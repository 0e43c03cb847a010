/** How much longer than usual things may take: an emulated machine is slower. */
export const timeScale = Number(process.env['TEST_TIME_SCALE'] ?? 1)

// Below the time that jest gives a test.
const deadlineMs = 4000 * timeScale

/** Waits for a condition while the event loop runs; fails after a deadline. */
export async function until(
  condition: () => boolean,
  describe: () => string = () => String(condition),
): Promise<void> {
  const end = performance.now() + deadlineMs
  while (!condition()) {
    if (performance.now() > end) throw new Error(`Did not come true: ${describe()}`)
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
}

/** The same while this thread is busy, so that no callback is called. */
export function untilBlocking(condition: () => boolean): void {
  const end = performance.now() + deadlineMs
  while (!condition()) {
    if (performance.now() > end) throw new Error(`Did not come true: ${String(condition)}`)
  }
}

/** Keeps this thread busy. */
export function spin(milliseconds: number): void {
  const end = performance.now() + milliseconds
  while (performance.now() < end);
}
