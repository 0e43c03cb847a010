// Which kernels are tested, and where they come from: Debian's for the cloud,
// which are small and bring BTF.

/** The oldest that is there, those of two Debian releases, and the newest. */
export const kernels = [
  {
    name: '5.10',
    architecture: 'x64',
    suite: 'bullseye',
    lacks: [
      'kprobe.multi',
      'kretprobe.multi',
      'lsm', // it boots without BPF among the security modules
      'lsm.s',
      'raw_tp-twice',
      'syscall',
      'bpf_loop',
      'beyond-memlock',
    ],
  },
  {
    name: '6.1',
    architecture: 'x64',
    suite: 'bookworm',
    lacks: ['kprobe.multi', 'kretprobe.multi', 'raw_tp-twice'],
  },
  { name: '6.12', architecture: 'x64', suite: 'trixie', lacks: [] },
  { name: 'newest', architecture: 'x64', suite: 'trixie-backports', lacks: [] },
  {
    name: '6.1-arm64',
    architecture: 'arm64',
    suite: 'bookworm',
    lacks: [
      'kprobe.multi',
      'kretprobe.multi',
      'raw_tp-twice',
      // arm64 has trampolines since Linux 6.4
      'fentry',
      'fexit',
      'fmod_ret',
      'lsm',
      'lsm.s',
    ],
  },
  // Without `lacks`: what this machine's kernel has is found out.
  { name: 'here', architecture: 'x64', suite: '' },
]
