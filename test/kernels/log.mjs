// What a guest printed, see init.sh and reporter.cjs.

/** The JSON of each line that starts with a mark. */
function* lines(log, mark) {
  for (const line of log.split('\n')) {
    if (line.startsWith(`@${mark} `)) yield line.slice(mark.length + 2)
  }
}

/** A reader of a log: what was printed, and what is wrong with that. */
function open(log) {
  const problems = [...lines(log, 'kernel')]
  const parse = (mark) =>
    [...lines(log, mark)].flatMap((text) => {
      try {
        return [JSON.parse(text)]
      } catch {
        problems.push(`a line is damaged: @${mark} ${text.slice(0, 200)}`)
        return []
      }
    })
  const [release] = [...lines(log, 'guest')]
  const [end] = [...lines(log, 'end')]
  if (end === undefined) {
    const last = log.trimEnd().split('\n').slice(-20)
    const shown = last.map((line) => `    ${line.slice(0, 200)}`).join('\n')
    problems.push(`it did not finish; its last lines:\n${shown}`)
  }
  return { release, end, problems, parse }
}

/**
 * What the suite tested and found. A log that is not complete has problems,
 * whatever passed before.
 *
 * @param isWhole Whether there are tests that find features.
 */
export function parseSuite(log, isWhole = true) {
  const { release, end, problems, parse } = open(log)
  const tests = parse('test')
  const features = parse('feature')
  const [count = '0'] = [...lines(log, 'tests')]
  const passed = tests.filter(({ status }) => status === 'passed').length
  for (const { file, name, status, messages } of tests) {
    const told = messages.join('\n').replace(/^.*\/node_modules\/.*\n?/gm, '')
    if (status !== 'passed') problems.push(`${status}: ${file}: ${name}\n${told}`)
  }
  if (end !== undefined && end !== '0' && passed === tests.length) {
    problems.push(`jest ended with status ${end}`)
  }
  if (Number(count) !== tests.length || tests.length === 0) {
    problems.push(`${count} tests were run, the results of ${tests.length} came through`)
  }
  if (isWhole && features.length === 0) problems.push('it did not say which features it has')
  return { release, passed, features, problems }
}

/** What the stress test found, row by row. */
export function parseStress(log) {
  const { release, problems, parse } = open(log)
  const [outcome] = parse('stress')
  if (outcome === undefined) problems.push('the stress test printed no results')
  const { results = [], growth = [] } = outcome ?? {}
  for (const name of growth) problems.push(`${name} grew`)
  return { release, results, problems }
}
