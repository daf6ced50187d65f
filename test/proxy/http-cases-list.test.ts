// docs/http.md has one row with one answer for every case, and each row names the test that shows
// it: a case without either is a hole.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

/** The first and the last of each protocol. */
const HTTP1 = [1, 113] as const
const HTTP2 = [120, 135] as const
/** Which tests show a row that names none. */
const HTTP2_FILES = 'http2, http2-connections'
const doc = readFileSync(join(import.meta.dirname, '../../docs/http.md'), 'utf8')

interface Row {
  readonly cases: readonly number[]
  readonly answer: string
  readonly files: readonly string[]
}

const rows: readonly Row[] = doc
  .split('\n')
  .filter((line) => /^\| H\d/.test(line))
  .map((line) => {
    const [, cases = '', , answer = '', , files = ''] = line.split('|').map((each) => each.trim())
    return {
      cases: [...cases.matchAll(/H(\d+)/g)].map(([, digits]) => Number(digits)),
      answer,
      files: (files === '' ? HTTP2_FILES : files).split(', '),
    }
  })

for (const nth of [...upTo(HTTP1), ...upTo(HTTP2)]) {
  const name = `H${String(nth).padStart(2, '0')}`
  test(`${name} has a row, an answer and a test`, () => {
    const row = rows.find(({ cases }) => cases.includes(nth))
    assert.ok(row !== undefined, `no row of docs/http.md has ${name}`)
    assert.notEqual(row.answer.trim(), '')
    const texts = row.files.map((file) => {
      return readFileSync(join(import.meta.dirname, `${file}.test.ts`), 'utf8')
    })
    assert.ok(namesOf(texts.join('\n')).has(nth), `${row.files.join(' and ')} names no ${name}`)
  })
}

function upTo([from, to]: readonly [number, number]): readonly number[] {
  return Array.from({ length: to - from + 1 }, (_, nth) => from + nth)
}

/** `H66–H81` stands for all of them. */
function namesOf(text: string): ReadonlySet<number> {
  const found = new Set<number>()
  for (const [, from = '', to = from] of text.matchAll(/\bH(\d{2,3})(?:(?:–| to )H(\d{2,3}))?/g)) {
    for (let nth = Number(from); nth <= Number(to); nth += 1) found.add(nth)
  }
  return found
}
