// A DaemonSet's privileges as the options of docker and podman.
import { readFileSync } from 'node:fs'
import { parse } from 'yaml'

/** The only container of a DaemonSet: its options and arguments. */
export function readDaemonSet(path) {
  try {
    const { kind, spec } = parse(readFileSync(path, 'utf8'))
    if (kind !== 'DaemonSet') throw new Error(`Expected a DaemonSet but found ${kind}`)
    const { containers, volumes, ...pod } = spec.template.spec
    refuse('the pod', pod, ['automountServiceAccountToken', 'tolerations'])
    if (containers.length !== 1) throw new Error('Expected one container')
    return readContainer(containers[0], volumes ?? [])
  } catch (error) {
    throw new Error(`${path}: ${error.message}`, { cause: error })
  }
}

function readContainer(container, volumes) {
  const { args = [], resources, securityContext, volumeMounts = [], ...others } = container
  refuse('the container', others, ['image', 'name'])
  const { memory, ...limits } = resources.limits
  refuse('limits', limits)
  return {
    options: [
      ...securityOptions(securityContext),
      ...volumeMounts.flatMap((mount) => mountOptions(mount, volumes)),
      '--memory',
      memory.replace('Mi', 'm'),
    ],
    args,
  }
}

function securityOptions(context) {
  const {
    allowPrivilegeEscalation,
    capabilities: { drop = [], add = [], ...otherCapabilities },
    readOnlyRootFilesystem,
    runAsUser,
    seccompProfile,
    ...others
  } = context
  refuse('securityContext', others)
  refuse('capabilities', otherCapabilities)
  // Without a profile it depends on the kubelet.
  if (seccompProfile?.type !== 'Unconfined')
    throw new Error('Expected an Unconfined seccompProfile')
  const options = []
  for (const name of drop) options.push('--cap-drop', name)
  for (const name of add) options.push('--cap-add', name)
  options.push('--security-opt', 'seccomp=unconfined')
  if (allowPrivilegeEscalation === false) options.push('--security-opt', 'no-new-privileges')
  if (readOnlyRootFilesystem === true) options.push('--read-only', '--read-only-tmpfs=false')
  if (runAsUser !== undefined) options.push('--user', String(runAsUser))
  return options
}

function mountOptions({ name, mountPath, readOnly = false, ...others }, volumes) {
  refuse('volumeMounts', others)
  const path = volumes.find((volume) => volume.name === name)?.hostPath?.path
  if (path === undefined) throw new Error(`Expected a hostPath for volume ${name}`)
  return ['-v', `${path}:${mountPath}${readOnly ? ':ro' : ''}`]
}

/** What is not translated might be a privilege, such as hostPID. */
function refuse(where, others, harmless = []) {
  const names = Object.keys(others).filter((name) => !harmless.includes(name))
  if (names.length > 0) throw new Error(`Of ${where} podman cannot be told: ${names.join(', ')}`)
}
