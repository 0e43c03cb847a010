// Types as C writes them.
import type { BtfData } from './data.js'
import { KIND } from './format.js'

/** What a declaration may consist of: types of others can refer to each other without end. */
const mostTypes = 256

/** The declaration of `name`, or without one the type alone. */
export function declare(data: BtfData, id: number, name = ''): string {
  const budget = { left: mostTypes }
  const text = declareWithin(data, id, name, budget)
  // Names may hold what a terminal takes for commands.
  return text.replace(/[\u0000-\u001f\u007f-\u009f]/g, '\ufffd')
}

interface Budget {
  left: number
}

const qualifiers: Readonly<Record<number, string>> = {
  [KIND.CONST]: 'const',
  [KIND.VOLATILE]: 'volatile',
  [KIND.RESTRICT]: 'restrict',
}

const prefixes: Readonly<Record<number, string>> = {
  [KIND.STRUCT]: 'struct ',
  [KIND.UNION]: 'union ',
  [KIND.ENUM]: 'enum ',
  [KIND.ENUM64]: 'enum ',
}

/** @param declarator What stands around the name already. */
function declareWithin(data: BtfData, id: number, declarator: string, budget: Budget): string {
  /** Of what comes next, before it. */
  const before = new Set<string>()
  const after = new Set<string>()
  const base = (text: string): string => joined([...before, text, ...after].join(' '), declarator)
  const suffixed = (suffix: string): void => {
    declarator = `${declarator.startsWith('*') ? `(${declarator})` : declarator}${suffix}`
  }
  for (;;) {
    if (--budget.left < 0) return base('…')
    const kind = data.kind(id)
    switch (kind) {
      case 0:
        return base('void')
      case KIND.CONST:
      case KIND.VOLATILE:
      case KIND.RESTRICT:
        before.add(qualifiers[kind] as string)
        id = data.sizeOrType(id)
        break
      case KIND.TYPE_TAG:
        after.add(typeTag(data, id))
        id = data.sizeOrType(id)
        break
      case KIND.PTR: {
        const own = [...after, ...before].join(' ')
        declarator = `*${own}${own === '' || declarator === '' ? '' : ' '}${declarator}`
        before.clear()
        after.clear()
        id = data.sizeOrType(id)
        break
      }
      case KIND.ARRAY: {
        const count = data.own(id, 2)
        suffixed(`[${count === 0 ? '' : String(count)}]`)
        id = data.own(id, 0)
        break
      }
      case KIND.FUNC_PROTO:
        suffixed(`(${parameters(data, id, budget)})`)
        id = data.sizeOrType(id)
        break
      case KIND.FUNC:
        declarator = `${data.name(id)}${declarator}`
        before.add(linkage(data.info(id) & 0xffff))
        before.delete('')
        id = data.sizeOrType(id)
        break
      case KIND.VAR:
        declarator = `${data.name(id)}${declarator}`
        before.add(linkage(data.own(id, 0)))
        before.delete('')
        id = data.sizeOrType(id)
        break
      case KIND.FWD:
        return base(`${data.flag(id) ? 'union' : 'struct'} ${data.name(id)}`)
      case KIND.DATASEC:
        return base(`SEC("${data.name(id)}")`)
      case KIND.DECL_TAG:
        return base(attribute(data, id, 'btf_decl_tag'))
      default: {
        const prefix = prefixes[kind] ?? ''
        const name = data.name(id)
        return base(`${prefix}${name === '' ? '{…}' : name}`)
      }
    }
  }
}

function joined(base: string, declarator: string): string {
  return declarator === '' || declarator.startsWith('[')
    ? base + declarator
    : `${base} ${declarator}`
}

function parameters(data: BtfData, id: number, budget: Budget): string {
  const all = data.parts(id, (name, type): [number, number] => [name, type])
  if (all.length === 0) return 'void'
  const shown: string[] = []
  for (const [i, [name, type]] of all.entries()) {
    if (budget.left <= 0) return [...shown, '…'].join(', ')
    const isRest = type === 0 && name === 0 && i === all.length - 1
    shown.push(isRest ? '...' : declareWithin(data, type, data.string(name), budget))
  }
  return shown.join(', ')
}

function linkage(number: number): string {
  return number === 0 ? 'static' : number === 2 ? 'extern' : ''
}

function typeTag(data: BtfData, id: number): string {
  return attribute(data, id, 'btf_type_tag')
}

/** With the flag set the name is an attribute itself. */
function attribute(data: BtfData, id: number, kind: string): string {
  const name = data.name(id)
  return `__attribute__((${data.flag(id) ? name : `${kind}("${name}")`}))`
}
