// Names of the numbers that the kernel has.
import { constants } from 'node:os'

const signals = new Map(
  Object.entries(constants.signals)
    .reverse() // the usual one of several names comes first
    .map(([name, number]) => [number, name]),
)

export function signalName(signal: number): string {
  return signals.get(signal) ?? `SIG${signal}`
}

const errors = new Map(
  Object.entries(constants.errno)
    .reverse()
    .map(([name, number]) => [number, name]),
)

/** Of a positive error number. */
export function errorName(error: number): string {
  return errors.get(error) ?? `error ${error}`
}
