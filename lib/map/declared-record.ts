// What an object says of the records in a ring or perf buffer.
import { leftOutHint } from '../btf/left-out.js'
import type { BtfReader } from '../btf/reader.js'
import { BpfError } from '../errors/errors.js'
import { didYouMean } from '../errors/near.js'
import type { BpfMap } from './map.js'

const tagKey = 'record:'

/**
 * The id of the type of a map's records: what a declaration tag `record:NAME` on the map
 * names, else what its global `NAME__record` points to, as BPFRB_RECORD_OF() declares it,
 * else the type of the map's values. Nothing when none of them says it.
 *
 * @throws {BpfError} `ERR_NOT_FOUND` for a tag that names no struct or union of the object,
 *   `ERR_LAYOUT` for tags that name several.
 */
export function declaredRecord(btf: BtfReader, map: BpfMap): number | undefined {
  // The perf buffer of a stream goes by its ring's name.
  const names = [...new Set([map.name, map.name.replace(/__perf$/, '')])]
  for (const name of names) {
    const found = taggedRecord(btf, name) ?? pointedRecord(btf, name)
    if (found !== undefined) return found
  }
  const value = map.kernel.btfId('value')
  if (value === 0) return undefined
  // The values of a perf event array are descriptors.
  const isDescriptor = map.type === 'perf_event_array' && btf.type(value).kind === 'int'
  return isDescriptor ? undefined : value
}

/** By `__attribute__((btf_decl_tag("record:event")))` on the map. */
function taggedRecord(btf: BtfReader, map: string): number | undefined {
  const tags = btf.findAll(map, 'variable').flatMap((id) => btf.tags(id))
  const given = new Set(
    tags
      .filter(({ name, part }) => part === undefined && name.startsWith(tagKey))
      .map(({ name }) => name.slice(tagKey.length).replace(/^(struct|union)\s+/, '')),
  )
  const [name, another] = given
  if (name === undefined) return undefined
  const details = { operation: 'find', target: `the type of the records in "${map}"` }
  if (another !== undefined) {
    const all = [...given].map((each) => JSON.stringify(`${tagKey}${each}`)).join(' and ')
    throw new BpfError('ERR_LAYOUT', `its declaration tags ${all} contradict each other`, details)
  }
  const id = structId(btf, name)
  if (id !== undefined) return id
  const known = [...btf.names('struct', 'union', 'typedef')].filter(
    (each) => structId(btf, each) !== undefined,
  )
  throw new BpfError(
    'ERR_NOT_FOUND',
    `its declaration tag ${JSON.stringify(tagKey + name)} names no struct of the object` +
      didYouMean(name, known),
    { ...details, hint: /^\w+$/.test(name) ? leftOutHint(name) : 'The tag is record:NAME' },
  )
}

/** As the tag names it: a typedef stays one, as the struct may have no other name. */
function structId(btf: BtfReader, name: string): number | undefined {
  const isStruct = (id: number): boolean => ['struct', 'union'].includes(btf.type(id).kind)
  return btf.find(name, 'struct', 'union') ?? btf.findAll(name, 'typedef').find(isStruct)
}

/** By BPFRB_RECORD_OF(). */
function pointedRecord(btf: BtfReader, map: string): number | undefined {
  const variable = btf.variables().find(({ name }) => name === `${map}__record`)
  const pointer = variable === undefined ? undefined : btf.type(variable.type)
  return pointer?.kind === 'pointer' && btf.sizeOf(pointer.to) > 0 ? pointer.to : undefined
}
