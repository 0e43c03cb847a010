// The order of lib's wings, as docs/architecture.md draws it, and no circles.
// Top to bottom; those in one line stand side by side.
const floors = [
  ['cli'],
  ['gen', 'skeleton'],
  ['stream'],
  ['object'],
  ['map', 'link'],
  ['symbols'],
  ['types'],
  ['machine'],
  ['btf'],
  ['addon'],
  ['errors'],
]

const wings = floors.flat()
const files = (names) => `^lib/(${names.join('|')})/`

export default {
  forbidden: [
    {
      name: 'circle',
      comment: 'No module imports itself by way of others, not even a type.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'outside the house',
      comment: 'All of lib but index.ts stands in a wing.',
      severity: 'error',
      from: { path: '^lib/', pathNot: [files(wings), '^lib/index[.]ts$'] },
      to: {},
    },
    ...floors.flatMap((wingsOfFloor, floor) =>
      wingsOfFloor.map((wing) => ({
        name: `${wing} imports only wings below it`,
        severity: 'error',
        from: { path: files([wing]) },
        to: {
          path: '^lib/',
          pathNot: files([wing, ...floors.slice(floor + 1).flat()]),
        },
      })),
    ),
  ],
  options: { doNotFollow: { path: 'node_modules' }, tsPreCompilationDeps: true },
}
