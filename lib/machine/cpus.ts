// The CPUs of this machine.
import { readFileSync } from 'node:fs'
import { BpfError } from '../errors/errors.js'

/**
 * The CPUs that are online now.
 *
 * @throws {BpfError} `ERR_KERNEL` where /sys does not say.
 */
export function onlineCpus(): number[] {
  const path = '/sys/devices/system/cpu/online'
  try {
    return parseCpus(readFileSync(path, 'utf8'))
  } catch (error) {
    const { errno, message } = error as NodeJS.ErrnoException
    throw new BpfError('ERR_KERNEL', message, { operation: 'read', target: path, errno })
  }
}

/** @param list Such as "0-2,5". */
export function parseCpus(list: string): number[] {
  return list
    .trim()
    .split(',')
    .filter((range) => range !== '')
    .flatMap((range) => {
      const [first = NaN, last = first] = range.split('-').map(Number)
      return Array.from({ length: last - first + 1 }, (_, i) => first + i)
    })
}
