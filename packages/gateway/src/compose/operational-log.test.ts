import assert from 'node:assert/strict'
import { test } from 'node:test'
import { boundedLines } from './operational-log.ts'

test('lines that nobody reads are left out, and how many is said', () => {
  const stream = {
    writableLength: 0,
    lines: [] as string[],
    write(text: string): void {
      this.lines.push(text)
    },
  }
  const lines = boundedLines(stream, () => 7.5)
  lines.write('first\n')
  stream.writableLength = 1_048_577
  lines.write('lost\n')
  lines.write('lost\n')
  stream.writableLength = 0
  lines.write('later\n')
  lines.write('last\n')
  const [first, told = '', ...others] = stream.lines
  assert.equal(first, 'first\n')
  const { dropped, level, time } = JSON.parse(told) as Readonly<Record<string, number>>
  assert.deepEqual([dropped, level, time], [2, 50, 7])
  assert.deepEqual(others, ['later\n', 'last\n'])
})
