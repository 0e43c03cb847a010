// The order in which the pages are read.
import { readFileSync } from 'node:fs'

const page = (text, link) => ({ text, link })

const guide = [
  {
    text: 'Begin',
    items: [
      page('Start', '/guide/start'),
      page('BPF for Node people', '/guide/bpf'),
      page('From C to a running agent', '/guide/build'),
      page('Coming from bcc, bpftrace, Go, C', '/guide/coming-from'),
    ],
  },
  {
    text: 'Guide',
    items: [
      page('Objects', '/guide/objects'),
      page('Streams', '/guide/streams'),
      page('Types', '/guide/types'),
      page('Maps', '/guide/maps'),
      page('Attaching: programs and links', '/guide/programs'),
      page('Surviving a restart', '/guide/restart'),
      page('Loss and back-pressure', '/guide/loss'),
      page('Stacks', '/guide/stacks'),
      page('Flight recorder', '/guide/flight-recorder'),
      page('User ring buffer', '/guide/user-ring-buffer'),
      page('Ring topologies', '/guide/ring-topologies'),
    ],
  },
  {
    text: 'In operation',
    items: [
      page('Troubleshooting', '/guide/troubleshooting'),
      page('What the machine can do', '/guide/machine'),
      page('The command line', '/guide/command-line'),
      page('Containers and Kubernetes', '/containers'),
      page('Bundling and single executables', '/install'),
      page('Kernels', '/kernels'),
      page('Runtimes', '/runtimes'),
    ],
  },
  {
    text: 'Figures',
    items: [
      page('Performance', '/performance'),
      page('Benchmarks', '/benchmarks'),
      page('Comparison with others', '/peers'),
      page('Ring or perf buffer', '/comparison'),
    ],
  },
  {
    text: 'Design',
    items: [
      page('Architecture', '/architecture'),
      page('Coalescing of wake-ups', '/coalescing'),
      page('What is proven, and by what', '/proof'),
      page("libbpf's functions", '/libbpf'),
      page("bcc's tools", '/tools'),
    ],
  },
]

/** The guide's, and beside the reference its own. */
export function sidebar(reference) {
  return {
    '/reference/': JSON.parse(readFileSync(reference, 'utf8')),
    '/': [...guide, { text: 'Reference', items: [page('All exports', '/reference/')] }],
  }
}
