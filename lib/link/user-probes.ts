// Functions and places of programs and libraries.
import type { NativeProgram } from '../addon/program.js'
import { invalidType } from '../errors/errors.js'
import { functionsOf } from '../symbols/file-functions.js'
import { checkMany, checkSection, checkSingle, type Many, wrongSection } from './kernel-probes.js'
import {
  checkCookie,
  checkLength,
  checkList,
  checkOffset,
  checkPid,
  checkTarget,
  checkText,
  checkWord,
  cookieNeeds,
  type Kind,
  type WithCookie,
} from './kind.js'
import { findFile } from './library.js'

const ENOENT = -2
const EINVAL = -22

/** A program or library. */
export interface UserFile {
  /**
   * Its path, or a name: of a library, such as `libssl.so.3`, which is found as
   * the dynamic linker does, or of a program in PATH. With `pid` the file of that
   * name that the process has mapped comes first, also in a container.
   */
  path: string
  /** Only this process. Default: all processes, also later ones. */
  pid?: number | undefined
}

/** A function, or an offset into it; or without a symbol an offset into the file. */
export type UprobeTarget = UserFile &
  WithCookie & {
    /**
     * Where in the file the kernel counts who listens, as the semaphore of a
     * USDT probe. Default 0: nowhere.
     */
    refCtrOffset?: number | undefined
  } & (
    | { symbol: string; /** From the symbol on. Default 0. */ offset?: number | undefined }
    | { symbol?: undefined; /** In the file. */ offset: number }
  )

/**
 * Many functions at once: those that a pattern of `*` and `?` matches, a list, or
 * offsets in the file, the last two with a cookie for each. A list has to be in the
 * file's `.symtab`, all of it, each function once; of a stripped file `functionsOf()` finds
 * offsets. libbpf 1.3 and Linux 6.6. The program's section has to be `uprobe.multi` or
 * `uretprobe.multi`.
 */
export type UprobeMultiTarget = UserFile &
  (
    | { pattern: string; symbols?: undefined; offsets?: undefined; cookies?: undefined }
    | {
        symbols: readonly string[]
        cookies?: readonly bigint[] | undefined
        pattern?: undefined
        offsets?: undefined
      }
    | {
        offsets: readonly number[]
        cookies?: readonly bigint[] | undefined
        pattern?: undefined
        symbols?: undefined
      }
  )

/**
 * A user-space static tracepoint. The object has to include usdt.bpf.h of libbpf, that of
 * the version that is loaded: its layout is another one since 1.7.
 */
export interface UsdtTarget extends UserFile, WithCookie {
  /** The first part of the probe's name, such as `libc`. */
  provider: string
  /** The second part, such as `setjmp`. */
  name: string
}

function probe(section: 'uprobe' | 'uretprobe'): Kind<UprobeTarget> {
  return {
    types: ['kprobe'],
    attach: (program, target) => {
      const known = ['path', 'symbol', 'offset', 'pid', 'cookie', 'refCtrOffset'] as const
      const given = checkTarget(target, section, known)
      const symbol = given.symbol === undefined ? '' : checkText(given.symbol, 'symbol')
      if (given.symbol === undefined && given.offset === undefined)
        throw invalidType('a symbol or an offset', section, target)
      const offset = checkOffset(target.offset)
      const cookie = checkCookie(target.cookie)
      const refCtrOffset = checkOffset(target.refCtrOffset, 'refCtrOffset')
      checkSingle(program, section)
      const [path, pid] = checkFile(target)
      const link = program.attachUprobe(
        path,
        symbol,
        offset,
        pid,
        cookie,
        refCtrOffset,
        section === 'uretprobe',
      )
      if (link === EINVAL && isUsdt(program)) throw wrongSection(program, section)
      return {
        link,
        place: `${section}/${path}:${symbol === '' ? String(offset) : symbol}`,
        ...cookieNeeds(cookie),
      }
    },
  }
}

function multiProbe(section: 'uprobe.multi' | 'uretprobe.multi'): Kind<UprobeMultiTarget> {
  return {
    types: ['kprobe'],
    attach: (program, target) => {
      const known = ['path', 'pid', 'pattern', 'symbols', 'offsets', 'cookies'] as const
      const given = checkTarget(target, section, known)
      const { many, offsets } = checkPlaces(given)
      checkSection(program, section, ['trace_uprobe_multi', 'trace_uprobe_session'])
      const [path, pid] = checkFile(target)
      const link = program.attachUprobeMulti(
        path,
        many.pattern,
        many.symbols,
        offsets,
        many.cookies,
        pid,
        section === 'uretprobe.multi',
      )
      const isList = many.symbols.length > 0
      return {
        link,
        place: `${section}/${path}`,
        missing: link === ENOENT && isList ? missingIn(path, many.symbols) : undefined,
        needs: { feature: 'uprobe.multi', kernel: [6, 6], libbpf: '1.3' },
      }
    },
  }
}

/** Those of the functions that the file does not have; none where that cannot be told. */
function missingIn(path: string, symbols: readonly string[]): string[] {
  try {
    const found = new Set(functionsOf(path, symbols).map(({ name }) => name))
    return symbols.filter((name) => !found.has(name))
  } catch {
    return []
  }
}

/** Newer libbpf loads such a program for many places, where the kernel can have it so. */
function isUsdt(program: NativeProgram): boolean {
  return /^usdt(\.s)?(\/|$)/.test(program.section())
}

/** A pattern, symbols, or offsets; the last two with cookies. */
function checkPlaces(
  given: Partial<Record<'pattern' | 'symbols' | 'offsets' | 'cookies', unknown>>,
): { many: Many; offsets: BigUint64Array } {
  const { pattern, symbols, cookies } = given
  if (given.offsets === undefined) {
    return { many: checkMany(given), offsets: new BigUint64Array(0) }
  }
  if (pattern !== undefined || symbols !== undefined) {
    throw invalidType('one of pattern, symbols and offsets', 'this kind of target', given)
  }
  const offsets = checkList(given.offsets, 'offsets', checkOffset)
  const words = cookies === undefined ? [] : checkList(cookies, 'cookies', checkWord)
  if (cookies !== undefined) checkLength(words, offsets.length, 'cookies')
  return {
    many: { pattern: '', symbols: [], cookies: BigUint64Array.from(words) },
    offsets: BigUint64Array.from(offsets, BigInt),
  }
}

const usdt: Kind<UsdtTarget> = {
  types: ['kprobe'],
  attach: (program, target) => {
    checkTarget(target, 'usdt', ['path', 'provider', 'name', 'pid', 'cookie'])
    const provider = checkText(target.provider, 'provider')
    const name = checkText(target.name, 'name')
    const cookie = checkCookie(target.cookie)
    const [path, pid] = checkFile(target)
    const link = program.attachUsdt(path, provider, name, pid, cookie)
    if (link === EINVAL && !isUsdt(program)) throw wrongSection(program, 'usdt')
    return {
      link,
      place: `usdt/${path}:${provider}:${name}`,
    }
  },
}

function checkFile(target: UserFile): [path: string, pid: number] {
  const name = checkText(target.path, 'path')
  const pid = checkPid(target.pid)
  return [findFile(name, pid < 0 ? undefined : pid), pid]
}

export const userProbes = {
  uprobe: probe('uprobe'),
  uretprobe: probe('uretprobe'),
  uprobeMulti: multiProbe('uprobe.multi'),
  uretprobeMulti: multiProbe('uretprobe.multi'),
  usdt,
}
