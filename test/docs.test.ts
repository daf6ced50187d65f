// What the documents promise to lead to is there.
import assert from 'node:assert/strict'
import { existsSync, globSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'

const root = join(import.meta.dirname, '..')
const read = (file: string): string => readFileSync(join(root, file), 'utf8')

/** Of a heading, as its link names it. */
function anchorOf(heading: string): string {
  return heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}_\- ]/gu, '')
    .replaceAll(' ', '-')
}

for (const file of globSync(['*.md', 'docs/**/*.md'], { cwd: root }).sort()) {
  test(`every link of ${file} leads somewhere`, () => {
    for (const [, target = ''] of read(file).matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^\w+:/.test(target)) continue
      const [path = '', anchor] = target.split('#')
      const found = path === '' ? file : join(dirname(file), path)
      assert.ok(existsSync(join(root, found)), `${target} is not there`)
      if (anchor === undefined || !found.endsWith('.md')) continue
      const headings = [...read(found).matchAll(/^#+ (.*)$/gm)].map(([, text = '']) => text)
      assert.ok(headings.map(anchorOf).includes(anchor), `${target} has no such heading`)
    }
  })
}

test('each row of the threat model names its test, or that nothing helps', () => {
  const rows =
    read('docs/threat-model.md')
      .match(/^\| .*$/gm)
      ?.slice(1) ?? []
  assert.ok(rows.length > 50)
  const others = rows.filter((row) => !/\]\(\.\.\/(?:test|packages)\//.test(row))
  assert.deepEqual(
    others.map((row) => row.split(' | ')[0]),
    ["| the ledger's keys, and a redacted body", '| the whole machine, from a moment on'],
  )
})
