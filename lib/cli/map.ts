// bpf-ringbuf map: lists the kernel's maps, and reads and writes their entries.
import { BpfError } from '../errors/errors.js'
import { resolveTypes } from '../map/entry-types.js'
import type { MapInfo } from '../map/info.js'
import type { BpfMap } from '../map/map.js'
import { array, cstring, type Type, u32 } from '../types/struct.js'
import { valueOf } from './assignments.js'
import type { Command, Output } from './command.js'
import { jsonWriter } from './json.js'
import { findMap, kernelMaps } from './kernel-maps.js'
import { Table } from './table.js'
import { parseCommandLine, UsageError, ValueError } from './usage.js'

const usage = `Usage: bpf-ringbuf map list|dump|get|set|delete [ARGUMENT]... [OPTION]...
Lists the maps of the kernel, and reads and writes their entries, as the map's BTF says
what they are, or as hexadecimal digits where it has none (root).

  list                 all maps
  dump MAP             all entries
  get MAP KEY          one value
  set MAP KEY VALUE    stores one; of a per-CPU map for all CPUs
  delete MAP KEY       deletes one
  --json               one JSON object a line
  --help               print this

MAP is an id, the path where it is pinned, or a name. KEY and VALUE are numbers, texts,
and structs and arrays as JSON. Exits with status 1 when there is no such key.

Examples:
  bpf-ringbuf map list
  bpf-ringbuf map dump /sys/fs/bpf/deny --json
  bpf-ringbuf map set deny '{"path":"/etc/passwd"}' 1
`

/** What each takes. */
const actions = new Map([
  ['list', []],
  ['dump', ['MAP']],
  ['get', ['MAP', 'KEY']],
  ['set', ['MAP', 'KEY', 'VALUE']],
  ['delete', ['MAP', 'KEY']],
])

export const map: Command = {
  name: 'map',
  summary: "list the kernel's maps, and read and write their entries",
  usage,
  async run(args, output, errors) {
    const { values, positionals } = parseCommandLine({
      args: [...args],
      allowPositionals: true,
      options: { json: { type: 'boolean' } },
    })
    const { json = false } = values
    const [action = '', ...parameters] = positionals
    const expected = actions.get(action)
    if (expected === undefined) {
      const problem = action === '' ? 'what to do?' : `there is no ${JSON.stringify(action)}:`
      throw new UsageError(`${problem} Say one of ${[...actions.keys()].join(', ')}`)
    }
    if (parameters.length !== expected.length) {
      throw new UsageError(`Expected ${['map', action, ...expected].join(' ')}`)
    }
    if (action === 'list') return list(json, output)
    const [reference = '', key = '', value = ''] = parameters
    using found = findMap(reference)
    // It has no entries to show, and yet this one.
    if (action === 'delete' && found.type === 'struct_ops') {
      return misuse('KEY', () => found.delete(Number(key))) ? 0 : 1
    }
    const entries = new Entries(found, json, output)
    if (entries.note !== undefined) errors.write(`${found.name}: ${entries.note}\n`)
    switch (action) {
      case 'get':
        return (await entries.get(key)) ? 0 : 1
      case 'set':
        entries.set(key, value)
        return 0
      case 'delete':
        return entries.delete(key) ? 0 : 1
      default:
        await entries.dump()
        return 0
    }
  },
}

const rowsAtOnce = 500

const infoTypes = new Map<string, Type>([
  ['id', u32],
  ['name', cstring(16)],
  ['type', cstring(18)],
  ['keySize', u32],
  ['valueSize', u32],
  ['maxEntries', u32],
  ['flags', cstring(16)],
])

async function list(json: boolean, output: Output): Promise<number> {
  const table = new Table(infoTypes, output.columns)
  const line = (info: MapInfo): string =>
    json ? JSON.stringify(info) : table.row({ ...info, flags: info.flags.join(' ') || '-' })
  if (!json) output.write(`${table.header}\n`)
  for (const each of kernelMaps()) {
    output.write(`${line(each.info())}\n`)
    await output.drained()
    if (output.closed) break
  }
  return 0
}

interface Entry {
  key?: unknown
  value: unknown
}

/** The entries of one map, as it says what they are, or as bytes. */
class Entries {
  /** Why they are bytes. */
  readonly note: string | undefined
  readonly #map: BpfMap
  readonly #key: Type | undefined
  readonly #value: Type
  readonly #json: boolean
  readonly #output: Output
  readonly #writeKey: (key: unknown) => string
  readonly #writeValue: (value: unknown) => string

  constructor(map: BpfMap, json: boolean, output: Output) {
    this.#json = json
    this.#output = output
    let types
    try {
      types = resolveTypes(map.kernel, undefined)
      this.#map = map
    } catch (error) {
      const codes: string[] = ['ERR_NO_BTF', 'ERR_UNSUPPORTED']
      if (!(error instanceof BpfError && codes.includes(error.code))) throw error
      types = resolveTypes(map.kernel, 'bytes')
      this.#map = map.bytes
      this.note = `${reasonOf(error)}; keys and values are shown as bytes`
    }
    const { key, value, cpus } = types
    this.#key = key
    this.#value = cpus === undefined ? value : array(value, cpus)
    this.#writeKey = key === undefined ? () => 'null' : jsonWriter(key)
    this.#writeValue = jsonWriter(this.#value)
  }

  async dump(): Promise<void> {
    const table = this.#table()
    const lines: string[] = this.#json ? [] : [table.header]
    const flush = async (): Promise<void> => {
      if (lines.length > 0) this.#output.write(`${lines.join('\n')}\n`)
      lines.length = 0
      await this.#output.drained()
    }
    for (const [key, value] of this.#map) {
      lines.push(this.#line(table, { key, value }))
      if (lines.length >= rowsAtOnce) await flush()
      if (this.#output.closed) return
    }
    await flush()
  }

  async get(text: string): Promise<boolean> {
    const key = this.#parse('KEY', this.#key, text)
    const value = misuse('KEY', () => this.#map.get(key))
    if (value === undefined) return false
    const table = this.#table()
    const line = this.#line(table, { key, value })
    this.#output.write(this.#json ? `${line}\n` : `${table.header}\n${line}\n`)
    await this.#output.drained()
    return true
  }

  set(keyText: string, valueText: string): void {
    const key = this.#parse('KEY', this.#key, keyText)
    const { shape } = this.#value
    const isList = /^\s*\[/.test(valueText)
    const type = this.#isPerCpu && shape.kind === 'array' && !isList ? shape.element : this.#value
    const value = this.#parse('VALUE', type, valueText)
    misuse('KEY or VALUE', () => this.#map.set(key, value))
  }

  delete(text: string): boolean {
    const key = this.#parse('KEY', this.#key, text)
    return misuse('KEY', () => this.#map.delete(key))
  }

  get #isPerCpu(): boolean {
    return this.note === undefined && this.#map.type.includes('percpu')
  }

  #table(): Table {
    const parts = new Map<string, Type>()
    if (this.#key !== undefined) parts.set('key', this.#key)
    return new Table(parts.set('value', this.#value), this.#output.columns)
  }

  #line(table: Table, entry: Entry): string {
    if (!this.#json) return table.row(entry)
    return `{"key":${this.#writeKey(entry.key)},"value":${this.#writeValue(entry.value)}}`
  }

  #parse(what: string, type: Type | undefined, text: string): unknown {
    if (type === undefined) throw new ValueError(`its values have no keys: there is no ${what}`)
    return valueOf(type, text)
  }
}

/** What a value's type refuses is the command line's mistake. */
function misuse<T>(what: string, call: () => T): T {
  try {
    return call()
  } catch (error) {
    if (!(error instanceof TypeError || error instanceof RangeError)) throw error
    throw new ValueError(`${what}: ${error.message}`)
  }
}

/** The problem alone: the hint is for programs. */
function reasonOf({ message, hint, operation, target }: BpfError): string {
  const start = `Cannot ${operation} ${target}: `.length
  const end = hint === undefined ? message.length : message.length - hint.length - 2
  return message.slice(start, end)
}
