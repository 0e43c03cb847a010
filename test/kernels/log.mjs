// What a guest printed, see init.sh and reporter.cjs.

/** The JSON of each line that starts with a mark. */
function* lines(log, mark) {
  for (const line of log.split('\n')) {
    if (line.startsWith(`@${mark} `)) yield line.slice(mark.length + 2)
  }
}

/**
 * What was tested and found. A log that is not complete has problems, whatever
 * passed before.
 */
export function parseLog(log) {
  const problems = []
  const parse = (mark) =>
    [...lines(log, mark)].flatMap((text) => {
      try {
        return [JSON.parse(text)]
      } catch {
        problems.push(`a line is damaged: @${mark} ${text.slice(0, 200)}`)
        return []
      }
    })
  const tests = parse('test')
  const features = parse('feature')
  const [release] = [...lines(log, 'guest')]
  const [count] = [...lines(log, 'tests')]
  const [end] = [...lines(log, 'end')]

  const failures = tests.filter(({ status }) => status === 'failed')
  const passed = tests.filter(({ status }) => status === 'passed').length
  for (const { name, status } of tests) {
    if (status !== 'passed' && status !== 'failed') problems.push(`${status}: ${name}`)
  }
  if (end === undefined) {
    const last = log
      .trimEnd()
      .split('\n')
      .slice(-20)
      .map((line) => `      ${line.slice(0, 200)}`)
    problems.push(`it did not finish; its last lines:\n${last.join('\n')}`)
  } else if (end !== '0' && failures.length === 0) {
    problems.push(`jest ended with status ${end}`)
  }
  if (Number(count ?? 0) !== tests.length || tests.length === 0) {
    problems.push(`${count ?? 0} tests were run, the results of ${tests.length} came through`)
  }
  if (features.length === 0) problems.push('it did not say which features it has')
  problems.push(...lines(log, 'kernel'))
  return { release, passed, failures, features, problems }
}
