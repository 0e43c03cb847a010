// What can only be found out by trying.
import { addon } from '../addon/addon.js'

const EINVAL = -22
const EOPNOTSUPP = -95
const BPF_MAP_TYPE_RINGBUF = 27
const BPF_MAP_TYPE_USER_RINGBUF = 31

/**
 * Whether this kernel has no ring buffers, whatever its version says. Creates
 * one and closes it again: false where that is not permitted or not possible.
 */
export function lacksRingBuffers(): boolean {
  return addon().probeMapType(BPF_MAP_TYPE_RINGBUF) === 0
}

/** The same of rings that overwrite their oldest records, `BPF_F_RB_OVERWRITE`. */
export function lacksOverwriting(): boolean {
  return addon().probe('overwritingRing', '') === EINVAL
}

/** The same of `kprobe.multi`. */
export function lacksKprobeMulti(): boolean {
  return addon().probe('kprobeMulti', '') === EOPNOTSUPP
}

/** The same of netkit devices, which no kernel has without CONFIG_NETKIT. */
export function lacksNetkit(): boolean {
  return addon().probe('netkit', '') === EINVAL
}

/** The same of user ring buffers. */
export function lacksUserRingBuffers(): boolean {
  return addon().probeMapType(BPF_MAP_TYPE_USER_RINGBUF) === 0
}
