// `bpf-ringbuf vmlinux --module`, of types that are made here: few machines have a module
// with BTF.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { BtfWriter } from '../unit/btf-writer.js'

const main = join(__dirname, '../../dist/cli/main.js')

let folder: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'bpf-ringbuf-'))
})

afterEach(() => {
  rmSync(folder, { recursive: true })
})

function run(args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, ...args], {
    cwd: folder,
    env: { ...process.env, XDG_CACHE_HOME: join(folder, 'cache') },
    encoding: 'utf8',
  })
  return { status, stdout, stderr }
}

describe('bpf-ringbuf vmlinux --module', () => {
  test('has what the module adds to vmlinux.h, and compiles after it', () => {
    const kernel = new BtfWriter()
    const number = kernel.int('int', 4, { signed: true })
    const owner = kernel.struct('owner', 4, [{ name: 'id', type: number, bitOffset: 0 }])
    const added = new BtfWriter(kernel)
    added.struct('connection', 8, [
      { name: 'owner', type: owner, bitOffset: 0 },
      { name: 'mark', type: number, bitOffset: 32 },
    ])
    added.struct('owner', 4, [{ name: 'inode', type: number, bitOffset: 0 }])
    writeFileSync(join(folder, 'kernel'), kernel.bytes())
    writeFileSync(join(folder, 'nf_conn-1'), added.bytes())
    const module = ['vmlinux', '--btf', 'kernel', '--module', './nf_conn-1']

    const { status, stdout, stderr } = run(module)
    expect([status, stderr]).toEqual([0, ''])
    expect(stdout).toMatch(/^#ifndef __VMLINUX_NF_CONN_1_H__\n/m)
    expect(stdout).toMatch(/^struct connection \{\n\tstruct owner owner;\n\tint mark;\n\};$/m)
    expect(stdout).toMatch(/^struct owner___2 \{\n\tint inode;\n\};$/m)
    expect(stdout).not.toMatch(/^struct owner \{/m)
    expect(run([...module, '--type', 'connection']).stdout).not.toMatch(/inode/)
    expect(run([...module, '--type', 'owner']).stdout).toMatch(/^struct owner___2 \{/m)
    expect(run([...module, '--type', 'int'])).toMatchObject({
      status: 1,
      stderr: expect.stringMatching(/nf_conn-1: it adds, to kernel, no type "int"/) as string,
    })

    expect(run(['vmlinux', '--btf', 'kernel', '-o', 'vmlinux.h']).status).toBe(0)
    writeFileSync(join(folder, 'module.h'), stdout)
    const source = '#include "module.h"\nstruct connection one;\nstruct owner other;\n'
    writeFileSync(join(folder, 'module.bpf.c'), source)
    expect(run(['build', '--no-gen', 'module.bpf.c', '--', '-Werror'])).toEqual({
      status: 0,
      stdout: expect.any(String) as string,
      stderr: '',
    })
  })

  test('says what to do about a module that is not there', () => {
    const { status, stdout, stderr } = run(['vmlinux', '--module', 'no-such-module'])
    expect([status, stdout]).toEqual([1, ''])
    expect(stderr).toMatch(
      /btf\/no_such_module: no such module is loaded, .*"modprobe no_such_module"/,
    )
    expect(run(['vmlinux', '--module', 'vmlinux'])).toMatchObject({
      status: 2,
      stderr: expect.stringMatching(/Expected the name of a kernel module/) as string,
    })
    expect(run(['vmlinux', '--module', 'x', '--prune', 'module.bpf.c'])).toMatchObject({
      status: 2,
      stderr: expect.stringMatching(/--module and --prune exclude each other/) as string,
    })
  })
})
