import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { straced } from './strace.js'
import { describeTool, printed, testInTerminal, Tool } from './tool.js'

const calls = join(__dirname, '../../build/test/calls')
const names = [
  ...['mount', 'umount2', 'pivot_root', 'open_tree', 'move_mount'],
  ...['fsopen', 'fsconfig', 'fsmount', 'fspick', 'mount_setattr'],
]

let directory: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'mount-snoop-'))
})
afterEach(() => rmdirSync(directory))

const sorted = (flags: string): string => flags.split('|').sort().join('|')
const isText = (text: unknown): boolean => text !== ''

describeTool('mount-snoop', () => {
  test('prints what strace does', async () => {
    const tool = await Tool.start('mount-snoop')
    const seen = await straced(names.join(), [calls, 'mounts', directory])
    const { rows, stderr } = await tool.stop()

    const expected = seen.map(({ pid, name, args, error }) => ({
      pid,
      call: name,
      texts: [...args.matchAll(/"(.*?)"/g)].map(([, text]) => text).filter(isText),
      // Those of other calls are numbers here.
      flags: sorted(/\b(MS_|MNT_|UMOUNT_|FSCONFIG_)[A-Z_|]+/.exec(args)?.[0] ?? ''),
      error,
    }))
    const found = rows
      .filter(({ pid }) => pid === seen[0]?.pid)
      .map(({ pid, call, source, target, type, options, flags, error }) => ({
        pid,
        call,
        texts: [source, target, type, options].filter(isText),
        flags: sorted(flags as string).replace(/^0x.*/, ''),
        error,
      }))
    expect(found).toStrictEqual(expected)
    expect(new Set(found.map(({ call }) => call))).toStrictEqual(new Set(names))
    expect(stderr).toMatch(/^\d+ events, 0 lost, /m)
  })

  test('says in which namespace, and its filters choose', async () => {
    const [all, failed] = await Promise.all([
      Tool.start('mount-snoop', ['--name', 'mount', '--uid', '0']),
      Tool.start('mount-snoop', ['--name', 'mount', '--failed']),
    ])
    const script = `readlink /proc/self/ns/mnt; mount -t tmpfs -o size=2m,nosuid from-a-test $0
      grep from-a-test /proc/self/mountinfo; mount -t no-such-type no $0 2>/dev/null; umount $0`
    const output = execFileSync('unshare', ['-m', 'sh', '-c', script, directory]).toString()
    const [, namespace, mountInfo] = /^mnt:\[(\d+)\]\n(.*)\n$/.exec(output) ?? []
    const { rows } = await all.stop()
    const { rows: failedRows } = await failed.stop()

    expect(mountInfo).toMatch(new RegExp(` ${directory} rw,nosuid,.* - tmpfs from-a-test `))
    expect(rows).toContainEqual(
      expect.objectContaining({ source: 'from-a-test', target: directory, error: null }),
    )
    const own = rows.filter(({ target }) => target === directory)
    expect(new Set(own.map((row) => row['mountNamespace']))).toStrictEqual(
      new Set([Number(namespace)]),
    )
    const failures = failedRows.filter(({ target }) => target === directory)
    expect(failures).toMatchObject([{ source: 'no', comm: 'mount' }])
    expect(failedRows.map(({ error }) => error)).not.toContain(null)
  })

  test('prints lines for people', async () => {
    const { stdout } = await printed('mount-snoop', [], () =>
      execFileSync(calls, ['mounts', directory]),
    )
    expect(stdout).toMatch(/^TIME +PID COMM +RESULT +CALL +WHAT\n/)
    const lines = stdout.split('\n').map((line) => line.slice(37))
    expect(lines).toContain(
      `done    mount         of-calls on ${directory} type tmpfs (size=1m) MS_NODEV|MS_NOEXEC`,
    )
    expect(lines).toContain(`done    fsconfig      (source=newly) FSCONFIG_SET_STRING`)
    expect(lines).toContain(`ENODEV  mount         none on ${directory} type no-such-type`)
  })

  testInTerminal('mount-snoop', {
    args: ['--name', 'calls'],
    happens: () => execFileSync(calls, ['mounts', directory]),
    shows: /pivot_root.*\s+.* umount2/,
  })
})
