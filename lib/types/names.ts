// The names of an enum's values.
import type { EnumShape } from './type.js'
import { inForm, isExact } from './wide.js'

/**
 * The first name of a value, or the value.
 *
 * @internal
 */
export function namesOfValues({ unit, names }: EnumShape): (value: number | bigint) => unknown {
  const { size, form } = unit.shape
  const known = new Map<number | bigint, string>()
  for (const [name, value] of names) {
    const key = size === 8 ? value : Number(value)
    if (!known.has(key)) known.set(key, name)
  }
  if (size < 8) return (value) => known.get(value) ?? value
  return (value) => known.get(value) ?? unnamed(value as bigint, form)
}

function unnamed(value: bigint, form: EnumShape['unit']['shape']['form']): unknown {
  return isExact(value) ? Number(value) : inForm(form, value)
}
