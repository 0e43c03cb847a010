// What a container is started with, and what each kind of program then does.

/** The host's tracefs. */
export const tracefs = ['-v', '/sys/kernel/tracing:/sys/kernel/tracing:ro']
const unconfined = ['--security-opt', 'seccomp=unconfined']
const user = ['--user', '1000:1000']

function only(...capabilities) {
  return ['--cap-drop', 'ALL', ...capabilities.flatMap((name) => ['--cap-add', name])]
}

const bpfAndPerfmon = [...only('BPF', 'PERFMON'), ...unconfined]

// The library's hints, word for word: a test of them.

const unmounted = {
  operation: 'attach',
  code: 'ERR_UNSUPPORTED',
  errno: -2,
  hint:
    'tracefs is not mounted: run "mount -t tracefs tracefs /sys/kernel/tracing" on the host, ' +
    'start a container with -v /sys/kernel/tracing:/sys/kernel/tracing:ro, ' +
    'or use tp_btf or raw_tp, which need none',
}

const unreadable = {
  operation: 'attach',
  code: 'ERR_PERMISSION',
  errno: -13,
  hint: 'tracefs is not readable by this user: run as root, or use tp_btf or raw_tp, which need none',
}

function refused(hint) {
  return { operation: 'load', code: 'ERR_PERMISSION', errno: -1, hint }
}

function withheld(names, options) {
  return refused(
    `The process lacks ${names}, which not even root has here: ` +
      `start the container with ${options} (a service with CapabilityBoundingSet=)`,
  )
}

const withheldAll = withheld(
  'CAP_BPF and CAP_PERFMON',
  '--cap-add BPF --cap-add PERFMON --security-opt seccomp=unconfined',
)

const notGiven = refused(
  'The process lacks CAP_BPF and CAP_PERFMON: run it as root, or give it both CAP_BPF and CAP_PERFMON ' +
    '(a service by AmbientCapabilities=, an image by setcap on its node)',
)

const filtered = refused(
  'A seccomp filter may forbid bpf(2) or perf_event_open(2): ' +
    'start the container with --security-opt seccomp=unconfined, or with a profile that allows both',
)

const namespaced = refused(
  'This is a user namespace, as in a rootless container, and its capabilities do not count for BPF: ' +
    'run outside of it, or have root start the container',
)

/** Expected of a program that delivers events. */
export const events = { events: true }

/** Expected of tracepoints, and of raw_tp and tp_btf alike. */
function expecting(tracepoint, others = tracepoint) {
  return { tracepoint, raw_tp: others, tp_btf: others }
}

/**
 * The cells of the matrix: `options` are those of docker and podman, `what` is
 * for the reader. The profile of `seccompProfile` is written by the runner.
 */
export function cells({ daemonSetOptions, seccompProfile }) {
  return [
    {
      name: 'bpf-perfmon-tracefs',
      what: 'CAP_BPF, CAP_PERFMON, no seccomp filter, tracefs',
      options: [...bpfAndPerfmon, ...tracefs],
      expected: expecting(events),
    },
    {
      name: 'bpf-perfmon',
      what: 'the same without tracefs',
      options: bpfAndPerfmon,
      expected: expecting(unmounted, events),
    },
    {
      name: 'bpf-only',
      what: 'CAP_BPF alone',
      options: [...only('BPF'), ...unconfined, ...tracefs],
      expected: expecting(withheld('CAP_PERFMON', '--cap-add PERFMON')),
    },
    {
      name: 'perfmon-only',
      what: 'CAP_PERFMON alone',
      options: [...only('PERFMON'), ...unconfined, ...tracefs],
      expected: expecting(withheld('CAP_BPF', '--cap-add BPF')),
    },
    {
      name: 'default-seccomp',
      what: "both, podman's default seccomp profile",
      options: [...only('BPF', 'PERFMON'), ...tracefs],
      expected: expecting(filtered),
    },
    {
      name: 'own-seccomp',
      what: 'both, a profile of their own that allows BPF',
      options: [
        ...only('BPF', 'PERFMON'),
        '--security-opt',
        `seccomp=${seccompProfile}`,
        ...tracefs,
      ],
      expected: expecting(events),
    },
    {
      name: 'sys-admin',
      what: 'CAP_SYS_ADMIN, default seccomp profile',
      options: [...only('SYS_ADMIN'), ...tracefs],
      expected: expecting(events),
    },
    {
      name: 'privileged-tracefs',
      what: 'everything',
      options: ['--privileged', ...tracefs],
      expected: expecting(events),
    },
    {
      name: 'privileged',
      what: 'everything but tracefs',
      options: ['--privileged'],
      expected: expecting(unmounted, events),
    },
    {
      name: 'privileged-mount',
      what: 'the same, and it mounts tracefs itself',
      options: ['--privileged'],
      mountTracefs: true,
      expected: expecting(events),
    },
    {
      name: 'default',
      what: 'nothing',
      options: [],
      expected: expecting(withheldAll),
    },
    {
      name: 'user-default',
      what: 'nothing, another user than root',
      options: user,
      expected: expecting(withheldAll),
    },
    {
      name: 'user',
      what: 'another user, as podman starts it',
      options: [...bpfAndPerfmon, ...tracefs, ...user],
      expected: expecting(unreadable, events),
    },
    {
      name: 'user-without-tracefs',
      what: 'the same without tracefs',
      options: [...bpfAndPerfmon, ...user],
      expected: expecting(unmounted, events),
    },
    {
      name: 'user-docker',
      what: 'another user, as Docker and Kubernetes start it',
      options: [...bpfAndPerfmon, ...tracefs, ...user],
      asDocker: true,
      expected: expecting(notGiven),
    },
    {
      name: 'user-setcap',
      what: 'the same, node has both by `setcap`',
      options: [...bpfAndPerfmon, ...tracefs, ...user],
      asDocker: true,
      setcap: true,
      expected: expecting(unreadable, events),
    },
    {
      name: 'user-setcap-no-new-privileges',
      what: 'the same, `allowPrivilegeEscalation: false`',
      options: [...bpfAndPerfmon, '--security-opt', 'no-new-privileges', ...tracefs, ...user],
      asDocker: true,
      setcap: true,
      expected: expecting(notGiven),
    },
    {
      name: 'user-namespace',
      what: 'everything, in a user namespace (rootless)',
      options: ['--uidmap', '0:100000:65536', '--privileged', ...tracefs],
      expected: expecting(namespaced),
    },
    {
      name: 'daemonset',
      what: 'what examples/daemonset.yaml asks for',
      options: daemonSetOptions,
      expected: expecting(events),
    },
  ]
}
