/** How much longer than usual things may take: an emulated machine is slower. */
export const timeScale = Number(process.env['TEST_TIME_SCALE'] ?? 1)

/** For what hangs: other processes may have the CPUs. Below the time that jest gives a test. */
export const deadlineMs = 15_000 * timeScale

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

/** The CPU time of this process: it does not pass while others have the CPUs. */
export function cpuMs(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}

/** Takes so much CPU time, however long that lasts. */
export function burn(milliseconds: number): void {
  const end = cpuMs() + milliseconds
  while (cpuMs() < end);
}

/** Keeps this thread busy. */
export function spin(milliseconds: number): void {
  const end = performance.now() + milliseconds
  while (performance.now() < end);
}
