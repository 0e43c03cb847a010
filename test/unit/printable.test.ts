import { fit, printable, printableJson } from '../../examples/kit/printable.js'

describe('printable', () => {
  test.each([
    ['plain text, ünï 中文 🦊', 'plain text, ünï 中文 🦊'],
    ['\x1b[31m\n\0\x7f', '\\x1b[31m\\x0a\\x00\\x7f'],
    ['\x85\x9b', '\\u0085\\u009b'],
    ['a\u202eb\u2028c\u200d', 'a\\u202eb\\u2028c\\u200d'],
    ['\u{e0041}', '\\U000e0041'],
    ['\ud800', '\\ud800'],
  ])('%j', (text, expected) => {
    expect(printable(text)).toBe(expected)
  })
})

test('printableJson escapes what JSON.stringify() leaves, and parses to the same', () => {
  const value = { text: '\x1b\x7f\x9b\u202e\u{e0041}\ud800 🦊' }
  expect(printableJson(value)).toBe(
    '{"text":"\\u001b\\u007f\\u009b\\u202e\\udb40\\udc41\\ud800 🦊"}',
  )
  expect(JSON.parse(printableJson(value))).toStrictEqual(value)
})

describe('fit', () => {
  test.each([
    ['short', 10, 'short'],
    ['exactly ten', 11, 'exactly ten'],
    ['one too many', 11, 'one too ma…'],
    ['中中中中', 8, '中中中中'],
    ['中中中中', 7, '中中中…'],
    ['中中中中', 6, '中中…'],
    ['a🦊🦊', 4, 'a🦊…'],
    ['', 1, ''],
    ['ab', 1, '…'],
  ])('%j to %i columns', (line, columns, expected) => {
    expect(fit(line, columns)).toBe(expected)
  })
})
