// Which declarations are tagged: tags refer to what they are on, not the reverse.
import type { BtfData } from './data.js'
import { KIND } from './format.js'
import type { BtfTag } from './types.js'

const none: readonly BtfTag[] = []

/** @internal */
export class Tags {
  readonly #byId = new Map<number, BtfTag[]>()

  constructor(data: BtfData) {
    for (let id = Math.max(1, data.firstId); id < data.endId; id++) {
      if (data.kind(id) !== KIND.DECL_TAG) continue
      const target = data.sizeOrType(id)
      const index = data.own(id, 0)
      const tag = { name: data.name(id), part: index === 0xffffffff ? undefined : index }
      const known = this.#byId.get(target)
      if (known === undefined) this.#byId.set(target, [tag])
      else known.push(tag)
    }
  }

  of(id: number): readonly BtfTag[] {
    return this.#byId.get(id) ?? none
  }
}
