import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { unifiedDiff } from './unified-diff.ts'

/** What the difference makes of the one text: a reading of the format that shares nothing. */
function patched(before: string, difference: string): string {
  const left = before.split('\n').slice(0, -1)
  const made: string[] = []
  let at = 0
  for (const line of difference.split('\n').slice(2, -1)) {
    const [, first, count] = /^@@ -(\d+)(?:,(\d+))? /.exec(line) ?? []
    if (first !== undefined) {
      const start = Number(first) - (count === '0' ? 0 : 1)
      made.push(...left.slice(at, start))
      at = start
    } else if (line.startsWith('+')) made.push(line.slice(1))
    else {
      assert.equal(left[at], line.slice(1), difference)
      if (line.startsWith(' ')) made.push(line.slice(1))
      at += 1
    }
  }
  return [...made, ...left.slice(at)].map((line) => `${line}\n`).join('')
}

for (const [name, before, next, want] of [
  ['equal texts', 'a\nb\n', 'a\nb\n', ''],
  ['a line more', 'a\n', 'a\nb\n', '--- x\n+++ y\n@@ -1 +1,2 @@\n a\n+b\n'],
  ['a line less', 'a\nb\n', 'b\n', '--- x\n+++ y\n@@ -1,2 +1 @@\n-a\n b\n'],
  ['everything new', '', 'a\n', '--- x\n+++ y\n@@ -0,0 +1 @@\n+a\n'],
  ['a line changed', 'a\nb\nc\n', 'a\nB\nc\n', '--- x\n+++ y\n@@ -1,3 +1,3 @@\n a\n-b\n+B\n c\n'],
  [
    'an end of line lost',
    'a\n',
    'a',
    '--- x\n+++ y\n@@ -1 +1 @@\n-a\n+a\n\\ No newline at end of file\n',
  ],
] as const) {
  test(`${name}, as diff -u says it`, () => {
    assert.equal(unifiedDiff({ label: 'x', text: before }, { label: 'y', text: next }), want)
  })
}

test('whatever the texts, the difference makes the one into the other', () => {
  const text = fc.array(fc.constantFrom('a', 'b', 'c', 'd', ''), { maxLength: 40 }).map((lines) => {
    return lines.map((line) => `${line}\n`).join('')
  })
  fc.assert(
    fc.property(text, text, (before, next) => {
      const difference = unifiedDiff({ label: 'x', text: before }, { label: 'y', text: next })
      if (before !== next) assert.equal(patched(before, difference), next)
    }),
    { numRuns: 500 },
  )
})

test('texts that have nothing in common are told at once', () => {
  const many = (prefix: string): string =>
    Array.from({ length: 20_000 }, (_, at) => `${prefix}${at}\n`).join('')
  const difference = unifiedDiff({ label: 'x', text: many('a') }, { label: 'y', text: many('b') })
  assert.equal(difference.split('\n').length, 40_004)
})
