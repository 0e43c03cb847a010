// Builds again whenever what was built changes.
import { existsSync, type FSWatcher, watch as watchPath } from 'node:fs'
import { constants } from 'node:os'
import { basename, dirname } from 'node:path'
import { BpfError } from '../errors/errors.js'
import type { Output } from './command.js'
import type { Watching } from './compile.js'
import { onFile } from './files.js'

/** Editors write a file in several steps. */
const quietMs = 50

/**
 * Builds now and after each change, one build at a time, until SIGINT or
 * SIGTERM; gives the exit status that a shell has for the signal. A build that
 * fails does not end it.
 */
export function watch(
  build: (watching: Watching) => Promise<number>,
  errors: Output,
): Promise<number> {
  return new Promise((resolve, reject) => {
    const stop = new AbortController()
    const folders = new Folders(onChange)
    let timer: NodeJS.Timeout | undefined
    let building = false
    let changed = false

    function onChange(): void {
      clearTimeout(timer)
      timer = setTimeout(run, quietMs)
    }

    function end(): void {
      clearTimeout(timer)
      folders.close()
      process.off('SIGINT', onSignal)
      process.off('SIGTERM', onSignal)
    }

    function onSignal(signal: 'SIGINT' | 'SIGTERM'): void {
      stop.abort()
      end()
      resolve(128 + constants.signals[signal])
    }

    function run(): void {
      if (building) {
        changed = true
        return
      }
      building = true
      buildAndWatch()
        .catch((error: unknown) => {
          end()
          reject(error instanceof Error ? error : new Error(String(error)))
        })
        .finally(() => {
          building = false
          if (changed && !stop.signal.aborted) {
            changed = false
            run()
          }
        })
    }

    async function buildAndWatch(): Promise<void> {
      try {
        const status = await build({
          signal: stop.signal,
          onInputs: (paths) => {
            if (!stop.signal.aborted) folders.watch(paths)
          },
        })
        if (status !== 0 && !stop.signal.aborted)
          errors.write('bpf-ringbuf build: failed; waiting for a change\n')
      } catch (error) {
        // What is missing may come, once there is something to watch.
        if (!(error instanceof BpfError) || folders.isEmpty()) throw error
        errors.write(`bpf-ringbuf build: ${error.message}\n`)
      }
    }

    process.on('SIGINT', onSignal)
    process.on('SIGTERM', onSignal)
    run()
  })
}

/** The folders of the files: an editor that saves may put another file in one's place. */
class Folders {
  readonly #onChange: () => void
  readonly #watchers = new Map<string, { watcher: FSWatcher; names: Set<string> }>()

  constructor(onChange: () => void) {
    this.#onChange = onChange
  }

  isEmpty(): boolean {
    return this.#watchers.size === 0
  }

  watch(files: ReadonlySet<string>): void {
    const byFolder = new Map<string, Set<string>>()
    for (const file of files) {
      let path = file
      // Of a folder that is gone, what has to come first.
      while (!existsSync(dirname(path)) && dirname(path) !== path) path = dirname(path)
      const names = byFolder.get(dirname(path)) ?? new Set()
      byFolder.set(dirname(path), names.add(basename(path)))
    }
    for (const [folder, { watcher }] of this.#watchers) {
      if (byFolder.has(folder)) continue
      watcher.close()
      this.#watchers.delete(folder)
    }
    for (const [folder, names] of byFolder) {
      const known = this.#watchers.get(folder)
      if (known !== undefined) known.names = names
      else this.#open(folder, names)
    }
  }

  close(): void {
    for (const { watcher } of this.#watchers.values()) watcher.close()
    this.#watchers.clear()
  }

  #open(folder: string, names: Set<string>): void {
    const entry = {
      names,
      // May fail where the system allows no more of them.
      watcher: onFile('watch', folder, () =>
        watchPath(folder, (_, name) => {
          if (name === basename(folder))
            forget() // it is removed, or another is in its place
          else if (name === null || entry.names.has(name)) this.#onChange()
        }),
      ),
    }
    const forget = (): void => {
      if (this.#watchers.get(folder) !== entry) return
      entry.watcher.close()
      this.#watchers.delete(folder)
      this.#onChange()
    }
    entry.watcher.on('error', forget)
    this.#watchers.set(folder, entry)
  }
}
