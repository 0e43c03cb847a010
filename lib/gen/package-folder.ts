import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** The nearest folder from this one upwards that has a package.json. */
export function packageFolder(folder: string): string | undefined {
  for (;;) {
    if (existsSync(join(folder, 'package.json'))) return folder
    const above = dirname(folder)
    if (above === folder) return undefined
    folder = above
  }
}
