// Node from outside: its binaries, their functions, and what its processes are called.
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { basename } from 'node:path'
import {
  BpfError,
  type BpfLink,
  type BpfProgram,
  type Frame,
  functionsOf,
  Symbolizer,
} from 'bpf-ringbuf'
import { filters, text } from './options.js'
import { functionName } from './stacks.js'
import type { Session } from './tool.js'

export const nodeOptions = {
  pid: filters.pid,
  name: text('TEXT', 'only processes whose script or title has TEXT in it'),
  binary: text('PATH', 'only this program, instead of all that are Node'),
}

/** A program to attach, and to which functions. */
export interface Place {
  readonly program: BpfProgram
  readonly at: RegExp
  /** When the function returns. */
  readonly returns?: boolean
  /** There are versions of Node that do without. */
  readonly isOptional?: boolean
}

/**
 * A method inside V8 by its name in C++, mangled from the class on. That name ends with the
 * types of the parameters: unless those matter, they may be any, as they are others in each V8.
 */
export function v8Method(name: string, types = '\\w+'): RegExp {
  return new RegExp(`^_ZN2v88internal${name}E${types}$`)
}

/** A file that processes run. */
interface Binary {
  /** As we can open it, also in another container, and when it was replaced. */
  readonly path: string
  /** As the process calls it. */
  readonly name: string
  readonly pid: number | undefined
}

/** What starts Node: every binary exports it, also one in which a program was packed. */
const start = /^_ZN4node5StartEiPPc$/
/** No binary that has Node in it is smaller, unless it has it in libraries. */
const leastBytes = 20 << 20
const ofLibraries = /\/lib(node|ssl|uv|llhttp)[^/]*\.so[^/]*$/

/**
 * Attaches programs to all Node binaries that run, and every second to those that have
 * begun to: to the files and not to the processes, so that all processes of a binary are
 * seen, also those that begin later.
 *
 * @throws {BpfError} When there is no binary that has the functions, saying what lacks.
 */
export class NodeBinaries {
  readonly #session: Session
  readonly #places: readonly Place[]
  readonly #seen = new Set<string>()
  readonly #links: BpfLink[] = []
  #refused: BpfError[] = []

  constructor(session: Session, places: readonly Place[], binary: string | undefined) {
    this.#session = session
    this.#places = places
    if (binary === undefined) this.#look()
    else this.#add({ path: binary, name: binary, pid: undefined }, true)
    if (this.#links.length === 0) throw this.#refused[0] ?? none()
    this.#tell()
    if (binary !== undefined) return
    const timer = setInterval(() => {
      this.#look()
      this.#tell()
    }, 1000)
    void session.ended.then(() => clearInterval(timer))
  }

  #look(): void {
    for (const binary of running()) {
      const identity = identityOf(binary.path)
      if (identity === undefined || this.#seen.has(identity)) continue
      try {
        if (isNode(binary)) this.#add(binary, this.#links.length === 0)
      } catch (error) {
        if (!(error instanceof BpfError)) throw error
        // The process has ended: another one may run the same.
        if (identityOf(binary.path) === undefined) continue
        this.#refused.push(error)
      }
      this.#seen.add(identity)
    }
  }

  #tell(): void {
    for (const { message } of this.#refused) this.#session.note(`Not traced: ${message}`)
    this.#refused = []
  }

  #add(binary: Binary, isFirst: boolean): void {
    const any = new RegExp(this.#places.map(({ at }) => at.source).join('|'))
    const functions = [binary.path, ...librariesOf(binary)].flatMap((path) =>
      functionsOf(path, any).map(({ name, offset }) => ({ name, target: { path, offset } })),
    )
    const targets = this.#places.flatMap((place) => {
      const found = functions.filter(({ name }) => place.at.test(name))
      if (found.length === 0 && place.isOptional !== true) throw lacks(binary, place.at, isFirst)
      return found.map(({ target }) => ({ place, target }))
    })
    for (const { place, target } of targets) {
      const { program, returns } = place
      if (target.path !== binary.path) this.#noteShared(target.path)
      this.#links.push(
        program.attach(returns === true ? { uretprobe: target } : { uprobe: target }),
      )
    }
  }

  #noteShared(path: string): void {
    if (this.#seen.has(path)) return
    this.#seen.add(path)
    this.#session.note(`${path} is a library: other programs that use it are shown, too`)
  }
}

function none(): BpfError {
  return new BpfError('ERR_NOT_FOUND', 'no process runs it', {
    operation: 'find',
    target: 'a Node binary',
    hint: 'Other users’ processes need CAP_SYS_PTRACE; --binary PATH names a file',
  })
}

function lacks({ name }: Binary, at: RegExp, isFirst: boolean): BpfError {
  const symbol = at.source.replace(/^\^|\$$/g, '')
  const hint =
    'It was stripped, or is no Node: the binaries of nodejs.org have their symbols, ' +
    'Bun and Deno have others. Elsewhere the package with its debug symbols helps'
  return new BpfError('ERR_NOT_FOUND', `it has no function ${symbol}`, {
    operation: 'trace',
    target: name,
    ...(isFirst ? { hint } : {}),
  })
}

/** The programs of all processes that we may look at. */
function running(): Binary[] {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name))
  return pids.map((pid) => ({ path: `/proc/${pid}/exe`, name: commandOf(pid), pid: Number(pid) }))
}

function commandOf(pid: string): string {
  return `${readText(`/proc/${pid}/cmdline`).split('\0')[0] ?? ''} of process ${pid}`
}

/** The same for one file, as long as it is not replaced. */
function identityOf(path: string): string | undefined {
  try {
    const { dev, ino } = statSync(path)
    return `${dev}:${ino}`
  } catch {
    return undefined
  }
}

function isNode(binary: Binary): boolean {
  const isNamedSo = /(^|\/)node(js)?( of|$)/.test(binary.name)
  if (!isNamedSo && (statSync(binary.path, { throwIfNoEntry: false })?.size ?? 0) < leastBytes) {
    return false
  }
  return functionsOf(binary.path, start).length > 0 || librariesOf(binary).length > 0
}

/** The files of a Node that was built with shared libraries, as Debian's is. */
function librariesOf({ pid }: Binary): string[] {
  if (pid === undefined) return []
  const paths = readText(`/proc/${pid}/maps`)
    .split('\n')
    .map((line) => /\/.*$/.exec(line)?.[0] ?? '')
  return [...new Set(paths.filter((path) => ofLibraries.test(path)))].map(
    (path) => `/proc/${pid}/root${path}`,
  )
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

/** What processes are called: by the script that they run, or the title that they gave themselves. */
export class Names {
  readonly #names = new Map<number, { name: string; atMs: number }>()

  /** Of a process, also of one that has ended since it was asked for. */
  of(pid: number): string {
    const known = this.#names.get(pid)
    if (known !== undefined && performance.now() - known.atMs < 1000) return known.name
    const name = nameIn(readText(`/proc/${pid}/cmdline`)) || (known?.name ?? '')
    if (this.#names.size > 10_000) this.#names.clear()
    this.#names.set(pid, { name, atMs: performance.now() })
    return name
  }
}

function nameIn(commandLine: string): string {
  const [program = '', ...args] = commandLine.split('\0')
  const script = args.find((arg) => arg !== '' && !arg.startsWith('-'))
  const isText = args.some((arg) => /^-(e|p|-eval|-print)$/.test(arg))
  return script === undefined || isText ? basename(program) : basename(script)
}

/** A function of a stack of Node. */
export interface NodeFrame {
  readonly name: string
  /** Of JavaScript, with a name: so it is only with --perf-basic-prof. */
  readonly isKnown: boolean
}

/** The functions of stacks of Node, by name. */
export class NodeStacks {
  readonly #symbolizer = new Symbolizer()

  /** What an event loop has called, from its callback on; nothing when that may not be looked at. */
  look(pid: number, addresses: readonly bigint[]): NodeFrame[] {
    try {
      return calledByLoop(this.#symbolizer.user(pid, addresses))
    } catch {
      return []
    }
  }
}

function calledByLoop(stack: readonly Frame[]): NodeFrame[] {
  // One loop may have called another one, as execSync() does: the outermost is last.
  const run = stack.findLastIndex(({ name }) => name === 'uv_run')
  const end = run > 0 && stack[run - 1]?.name === 'uv__io_poll' ? run - 1 : run
  return stack
    .slice(0, end < 0 ? undefined : end)
    .map(toNodeFrame)
    .reverse()
}

function toNodeFrame(frame: Frame): NodeFrame {
  // What was made at run time is in no file.
  const isJavaScript = frame.module === undefined
  const isKnown = isJavaScript && frame.name !== undefined
  if (isJavaScript && !isKnown) return { name: '(JavaScript)', isKnown }
  if (frame.name === 'Builtins_InterpreterEntryTrampoline') {
    return { name: '(interpreted JavaScript)', isKnown }
  }
  return { name: functionName(frame), isKnown }
}
