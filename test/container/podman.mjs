// podman with a configuration and storage of its own, below .cache/container/.
import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { mustRun, root, run } from '../checks.mjs'

const cache = join(root, '.cache/container')
/** A seccomp profile of the tests. */
export const profilePath = join(cache, 'seccomp.json')
const npmCache = join(cache, 'npm')

const nodeVersion = '22'
const npmVersion = '10' // what Node 22 comes with

const env = {
  CONTAINERS_CONF: join(cache, 'containers.conf'),
  CONTAINERS_STORAGE_CONF: join(cache, 'storage.conf'),
}

const podman = (args, timeoutSeconds) => mustRun('podman', args, { env, timeoutSeconds })

/** Runs a container; gives how it ended and what it printed. */
export function runContainer(options, image, args = [], timeoutSeconds = 180) {
  const timeout = ['--timeout', String(timeoutSeconds)]
  return run('podman', ['run', '--rm', ...timeout, ...options, image, ...args], {
    env,
    // The container's own limit comes first.
    timeoutSeconds: timeoutSeconds + 15,
  })
}

/** Makes podman usable on any machine with root. */
export async function configure() {
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
    env.CONTAINERS_CONF,
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
    env.CONTAINERS_STORAGE_CONF,
    `[storage]
driver = "overlay"
graphroot = "${join(cache, 'storage')}"
runroot = "${join(cache, 'run')}"
`,
  )
  // The registry that this machine installs from, without its credentials.
  const npmConfig = async (key) => (await mustRun('npm', ['config', 'get', key])).stdout.trim()
  const certificates = await npmConfig('cafile')
  const npmrc = []
  for (const key of ['registry', 'fetch-retries', 'fetch-retry-mintimeout']) {
    npmrc.push(`${key}=${await npmConfig(key)}`)
  }
  if (certificates !== 'null' && certificates !== '') {
    writeFileSync(join(npmCache, 'ca.pem'), readFileSync(certificates))
    npmrc.push('cafile=/root/.npm/ca.pem')
  }
  writeFileSync(join(cache, 'npmrc'), npmrc.join('\n') + '\n')
}

/** The image that Containerfile starts from; made at the first time. */
export async function makeBase() {
  const script = join(import.meta.dirname, 'make-base.sh')
  const hash = createHash('sha256').update(readFileSync(script))
  const version = hash.update(`${nodeVersion} ${npmVersion}`).digest('hex').slice(0, 12)
  const image = `localhost/bpf-ringbuf-base:${version}`
  const exists = await run('podman', ['image', 'exists', image], { env })
  if (exists.status === 0) return image
  const archive = join(cache, 'base.tar')
  await mustRun('sh', [script, nodeVersion, npmVersion, cache, archive], { timeoutSeconds: 600 })
  await podman(['import', '--quiet', archive, image], 120)
  rmSync(archive)
  return image
}

/**
 * Builds a stage of a file beside this one, and returns its image. The stage
 * "run" is what a build makes that is told of none.
 */
export async function buildImage(file, stage, buildArgs) {
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
  await podman([...args, '-f', join(import.meta.dirname, file), root], 600)
  return image
}

/** Removes what builds left that were ended by force, and what no image has any more. */
export async function removeUnused() {
  const { stdout } = await podman(['ps', '--all', '--external', '--quiet'])
  if (stdout !== '') await podman(['rm', '--force', ...stdout.trim().split('\n')])
  await podman(['image', 'prune', '--force'], 120)
}
