// Floats and booleans.
import { make, type Type } from './type.js'

function float(name: string, size: 4 | 8): Type<number> {
  return make({ name, size, align: size, shape: { kind: 'float', size } })
}

/** `float` as `number`; what is written is rounded to it. */
export const f32: Type<number> = float('f32', 4)
/** `double` as `number`. */
export const f64: Type<number> = float('f64', 8)

/** `bool` as `boolean`: every byte but 0 is true. */
export const bool: Type<boolean> = make({
  name: 'bool',
  size: 1,
  align: 1,
  shape: { kind: 'bool' },
})
