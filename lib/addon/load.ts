// Finds and loads the addon's file, and says why none loads.
import { isAbsolute, join } from 'node:path'
import bindings from 'bindings'
import { BpfError, type BpfErrorDetails, EMFILE, hintOfErrno } from '../errors/errors.js'
import { type Places, placesOfAddon, prebuiltName } from './locate.js'

const fileName = 'bpf_ringbuf.node'
const variable = 'BPF_RINGBUF_ADDON'
const target = 'the native addon of bpf-ringbuf'

/** How each package manager runs the script that compiles what does not load. */
const compile =
  '"npm rebuild bpf-ringbuf" (npm 12: "npm install-scripts approve bpf-ringbuf" before; ' +
  'pnpm: "pnpm approve-builds", then "pnpm rebuild bpf-ringbuf"; ' +
  'yarn 4: "yarn rebuild bpf-ringbuf", with enableScripts; yarn 1: "yarn install --force")'

const copy =
  "The package is in a bundle: copy its prebuilds/ beside that, or name the addon's file by " +
  `setAddonFile() or ${variable}`

/** A file that did not load. */
interface Attempt {
  file: string
  reason: string
  cause: unknown
}

/**
 * The addon, of the file that is named or of the first place where one loads.
 *
 * @param named The file that the program names; without one the environment may.
 * @throws {BpfError} `ERR_ADDON`
 */
export function loadAddon(named: string | undefined): unknown {
  if (process.platform !== 'linux') {
    throw addonError(`BPF needs Linux, this is ${process.platform}`, {})
  }
  if (named !== undefined) return loadNamed(named, 'setAddonFile()')
  const inEnvironment = process.env[variable]
  if (inEnvironment !== undefined && inEnvironment !== '') {
    return loadNamed(inEnvironment, variable)
  }
  const places = placesOfAddon()
  if (places === undefined) {
    throw addonError('the package is in a bundle that does not know where it is', {
      hint: `Name the addon's file by setAddonFile() or ${variable}`,
    })
  }
  return loadFrom(places)
}

/** Whether the addon of the package's prebuilds/ loads, for the script that may compile one. */
export function loadsPrebuilt(root: string): boolean {
  try {
    loadFrom({ root, folders: [['prebuilds', prebuiltName()]] })
    return true
  } catch {
    return false
  }
}

function loadNamed(file: string, by: string): unknown {
  if (!isAbsolute(file)) {
    throw addonError(`${by} names ${JSON.stringify(file)}`, { hint: 'Give it an absolute path' })
  }
  try {
    // As require() would, which bundles and single executables do not have.
    const loaded: { exports: unknown } = { exports: {} }
    process.dlopen(loaded, file)
    return checked(loaded.exports)
  } catch (cause) {
    const reason = reasonOf(cause, file)
    const hint = hintFor(reason) ?? `It is the file that ${by} names`
    throw addonError(`${file} does not load: ${reason}`, { cause, hint })
  }
}

function loadFrom(places: Places): unknown {
  const { root, folders } = places
  const attempts: Attempt[] = []
  for (const folder of folders) {
    const file = join(...folder, fileName)
    try {
      // One place at a time: of several, bindings would end with the first file that fails.
      const place = ['module_root', ...folder, 'bindings']
      return checked(bindings({ bindings: fileName, module_root: root, try: [place] }))
    } catch (cause) {
      attempts.push({ file, reason: reasonOf(cause, join(root, file)), cause })
    }
  }
  throw failureOf(places, attempts)
}

/** Refuses an addon that is another's. */
function checked(addon: unknown): unknown {
  const ours = typeof addon === 'object' && addon !== null && 'libbpfVersion' in addon
  if (!ours || !('Reader' in addon)) throw new Error('it is not the addon of bpf-ringbuf')
  return addon
}

const absent = 'no such file'

function reasonOf(cause: unknown, file: string): string {
  const message = cause instanceof Error ? cause.message : String(cause)
  if (message.includes('Could not locate the bindings file')) return absent
  const [line = message] = message.split('\n', 1)
  return line.replace(`${file}: `, '')
}

function failureOf({ root, isBundle }: Places, attempts: readonly Attempt[]): BpfError {
  const found = attempts.filter(({ reason }) => reason !== absent)
  const { cause } = found[0] ?? attempts[0] ?? {}
  const tried = attempts.map(({ file, reason }) => `${file} (${reason})`).join(', ')
  const hint = found.map(({ reason }) => hintFor(reason)).find((each) => each !== undefined)
  return addonError(`of the files in ${root} none loads: ${tried}`, {
    cause,
    hint: hint ?? (isBundle ? copy : `To compile it for this machine, run ${compile}`),
  })
}

/** What to do, where compiling it would not help. */
function hintFor(reason: string): string | undefined {
  const missing = /(lib(?:bpf|elf|z)\.so[.\d]*): (?:cannot open shared object|No such file)/.exec(
    reason,
  )?.[1]
  if (missing !== undefined) {
    return `${missing} is not installed: run "apt-get install libbpf1" (Debian, Ubuntu) or "dnf install libbpf" (Fedora)`
  }
  if (/failed to map segment/.test(reason)) return 'Its file system may be mounted with noexec'
  if (/loading addons is disabled/.test(reason)) {
    return 'Start Node with --allow-addons, which --permission takes away, and without --no-addons'
  }
  return /Too many open files/.test(reason) ? hintOfErrno(EMFILE) : undefined
}

function addonError(problem: string, details: Partial<BpfErrorDetails>): BpfError {
  return new BpfError('ERR_ADDON', problem, { operation: 'load', target, ...details })
}
