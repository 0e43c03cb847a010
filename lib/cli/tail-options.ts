// The command line of bpf-ringbuf tail.
import { byName, parseCommandLine, parseNumber, UsageError } from './usage.js'

export const usage = `Usage: bpf-ringbuf tail OBJECT [OPTION]...
Loads a BPF object, attaches its programs, and prints every record of its ring and
perf buffers, as a table or as JSON. Ctrl-C ends it; what was lost is said then.

  --map M           only this map; may be given several times
  --type T          records are of this struct, or "bytes", or "text";
                    --type M=T says so for the map M
  --program P       only this program is loaded and attached; may be given several times
  --set NAME=VALUE  sets a global variable before the object is loaded;
                    arrays and structs as JSON
  --where EXPR      only records for which this is true
  --json            one JSON object a line
  --rate            a line a second with how many records there were, instead of them
  --count N         end after so many records
  --duration S      end after so many seconds
  --help            print this

EXPR compares fields (pid, start.tv_sec, args[0]) with numbers, 'strings' and each
other by == != < <= > >= contains startswith, and joins that by && || ! and ( ).

Examples:
  bpf-ringbuf tail agent.bpf.o
  bpf-ringbuf tail agent.bpf.o --set min_uid=1000 --where 'uid != 0 && comm == "sh"'
  bpf-ringbuf tail agent.bpf.o --map events --type exec_event --json --count 10
  bpf-ringbuf tail agent.bpf.o --rate --duration 60
`

export interface TailOptions {
  readonly path: string
  /** Maps to read; none are all of them. */
  readonly maps: readonly string[]
  /** By the map's name; of all others by ''. */
  readonly types: ReadonlyMap<string, string>
  /** Programs to load; none are those that load by themselves. */
  readonly programs: readonly string[]
  readonly assignments: readonly string[]
  readonly where: string | undefined
  readonly json: boolean
  readonly rate: boolean
  readonly count: number
  readonly durationMs: number | undefined
}

/** @throws {UsageError} */
export function parseTail(args: readonly string[]): TailOptions {
  const { values, positionals } = parseCommandLine({
    args: [...args],
    allowPositionals: true,
    options: {
      map: { type: 'string', multiple: true },
      type: { type: 'string', multiple: true },
      program: { type: 'string', multiple: true },
      set: { type: 'string', multiple: true },
      where: { type: 'string' },
      json: { type: 'boolean' },
      rate: { type: 'boolean' },
      count: { type: 'string' },
      duration: { type: 'string' },
    },
  })
  const [path, ...others] = positionals
  if (path === undefined) throw new UsageError('which object? Give the path of a file')
  if (others.length > 0) throw new UsageError(`one object at a time, not also ${others.join(' ')}`)
  const { count, duration } = values
  const seconds = duration === undefined ? undefined : parseNumber('--duration', duration, 0, 1e6)
  return {
    path,
    maps: values.map ?? [],
    types: byName(
      '--type',
      (values.type ?? []).map((text) => {
        const at = text.indexOf('=')
        return at < 0 ? ['', text] : [text.slice(0, at), text.slice(at + 1)]
      }),
    ),
    programs: values.program ?? [],
    assignments: values.set ?? [],
    where: values.where,
    json: values.json ?? false,
    rate: values.rate ?? false,
    count: count === undefined ? Infinity : parseNumber('--count', count, 1, 1e15, true),
    durationMs: seconds === undefined ? undefined : 1000 * seconds,
  }
}
