// podman with a configuration and storage of its own, below .cache/container/.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'

const root = resolve(import.meta.dirname, '../..')
const cache = join(root, '.cache/container')
/** A seccomp profile of the tests. */
export const profilePath = join(cache, 'seccomp.json')
const npmCache = join(cache, 'npm')

const nodeVersion = '22'
const npmVersion = '10' // what Node 22 comes with

const environment = {
  ...process.env,
  CONTAINERS_CONF: join(cache, 'containers.conf'),
  CONTAINERS_STORAGE_CONF: join(cache, 'storage.conf'),
}

/** What a command printed; an Error that has it when the command failed. */
export function run(command, args, { timeoutMs = 60_000, input } = {}) {
  const { status, signal, error, stdout, stderr } = spawnSync(command, args, {
    cwd: root,
    env: environment,
    input,
    encoding: 'utf8',
    timeout: timeoutMs,
    killSignal: 'SIGKILL',
    maxBuffer: 1 << 28,
  })
  if (status === 0) return { stdout, stderr }
  const end =
    error?.code === 'ETIMEDOUT'
      ? `no end after ${timeoutMs / 1000} s`
      : (error?.message ?? (signal ? `killed by ${signal}` : `exit status ${status}`))
  const failure = new Error(`${command} ${args.join(' ')}: ${end}\n${stdout ?? ''}${stderr ?? ''}`)
  throw Object.assign(failure, { stdout, stderr })
}

/** Runs a container and returns what it printed. */
export function runContainer(options, image, args = [], timeoutMs = 30_000) {
  const timeout = String(Math.ceil(timeoutMs / 1000))
  return run('podman', ['run', '--rm', '--timeout', timeout, ...options, image, ...args], {
    // The container's own limit comes first.
    timeoutMs: timeoutMs + 15_000,
  })
}

/** Makes podman usable on any machine with root. */
export function configure() {
  // Of the last run, whose mounts are gone.
  rmSync(join(cache, 'run'), { recursive: true, force: true })
  mkdirSync(npmCache, { recursive: true })
  mkdirSync(join(cache, 'debs'), { recursive: true })
  // podman's defaults are higher than what root without CAP_SYS_RESOURCE may set.
  const limits = readFileSync('/proc/self/limits', 'utf8')
  const ulimit = (name, title) => {
    const hardLimit = Number(new RegExp(`^Max ${title} +\\S+ +(\\S+)`, 'm').exec(limits)[1])
    const limit = hardLimit < 16384 ? hardLimit : 16384
    return `"${name}=${limit}:${limit}"`
  }
  // crun does not start where version 1 and 2 of cgroups are mixed.
  writeFileSync(
    environment.CONTAINERS_CONF,
    `[containers]
default_ulimits = [${ulimit('nofile', 'open files')}, ${ulimit('nproc', 'processes')}]
log_driver = "k8s-file"
netns = "none"
[engine]
cgroup_manager = "cgroupfs"
events_logger = "none"
runtime = "runc"
tmp_dir = "${join(cache, 'run/libpod')}"
`,
  )
  writeFileSync(
    environment.CONTAINERS_STORAGE_CONF,
    `[storage]
driver = "overlay"
graphroot = "${join(cache, 'storage')}"
runroot = "${join(cache, 'run')}"
`,
  )
  // The registry that this machine installs from, without its credentials.
  const npmConfig = (key) => run('npm', ['config', 'get', key]).stdout.trim()
  const certificates = npmConfig('cafile')
  const npmrc = [`registry=${npmConfig('registry')}`]
  if (certificates !== 'null' && certificates !== '') {
    writeFileSync(join(npmCache, 'ca.pem'), readFileSync(certificates))
    npmrc.push('cafile=/root/.npm/ca.pem')
  }
  writeFileSync(join(cache, 'npmrc'), npmrc.join('\n') + '\n')
}

/** The image that Containerfile starts from; made at the first time. */
export function makeBase() {
  const script = join(import.meta.dirname, 'make-base.sh')
  const hash = createHash('sha256').update(readFileSync(script))
  const version = hash.update(`${nodeVersion} ${npmVersion}`).digest('hex').slice(0, 12)
  const image = `localhost/bpf-ringbuf-base:${version}`
  const exists = spawnSync('podman', ['image', 'exists', image], { env: environment })
  if (exists.status === 0) return image
  const archive = join(cache, 'base.tar')
  run('sh', [script, nodeVersion, npmVersion, cache, archive], { timeoutMs: 240_000 })
  run('podman', ['import', '--quiet', archive, image], { timeoutMs: 120_000 })
  rmSync(archive)
  return image
}

/**
 * Builds a stage of a file beside this one, and returns its image. The stage
 * "run" is what a build makes that is told of none.
 */
export function buildImage(file, stage, buildArgs) {
  const image = `localhost/bpf-ringbuf-${stage}`
  const args = ['build', '--quiet', '--pull=never', '--network=host', '-t', image]
  if (stage !== 'run') args.push('--target', stage)
  for (const [name, value] of Object.entries(buildArgs)) {
    args.push('--build-arg', `${name}=${value}`)
  }
  args.push('--volume', `${join(cache, 'debs')}:/var/cache/apt/archives`)
  // Volumes leave empty files behind where they were mounted: not in what is shipped.
  if (stage === 'build') {
    args.push('--volume', `${npmCache}:/root/.npm`)
    args.push('--volume', `${join(cache, 'npmrc')}:/root/.npmrc:ro`)
  }
  run('podman', [...args, '-f', join(import.meta.dirname, file), root], { timeoutMs: 600_000 })
  return image
}

/** Removes what builds left that were ended by force, and what no image has any more. */
export function removeUnused() {
  const containers = run('podman', ['ps', '--all', '--external', '--quiet']).stdout.trim()
  if (containers !== '') run('podman', ['rm', '--force', ...containers.split('\n')])
  run('podman', ['image', 'prune', '--force'], { timeoutMs: 120_000 })
}
