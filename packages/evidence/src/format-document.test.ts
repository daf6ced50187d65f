import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { KINDS, type KindRule } from './kinds.ts'
import { SECTIONS } from './sections.ts'

const root = join(import.meta.dirname, '../../..')
const document = readFileSync(join(root, 'docs/format.md'), 'utf8')

const quoted = (names: readonly string[]): string => names.map((name) => `\`${name}\``).join(' ')

test('the format document has every kind as the table of kinds has it', () => {
  for (const [kind, rule] of Object.entries<KindRule>(KINDS)) {
    const optional = rule.allowed.length === 0 ? '' : ` (${quoted(rule.allowed)})`
    const sections = `${quoted(rule.required)}${optional}`
    const row = `| ${rule.code} | \`${kind}\` | ${rule.blocks} | ${sections} |`
    assert.ok(document.includes(row), row)
  }
})

test('the format document has every section with its number', () => {
  for (const [name, id] of Object.entries(SECTIONS)) {
    assert.ok(document.includes(`| ${id} | \`${name}\` |`), name)
  }
})

test('the vector in the format document is the first of the vectors', () => {
  const vectors = readFileSync(join(root, 'test/vectors/leaf.json'), 'utf8')
  const [first] = JSON.parse(vectors) as readonly {
    readonly leaf: string
    readonly sections: readonly { readonly salt: string; readonly digest: string }[]
  }[]
  assert.ok(first !== undefined && document.includes(`leaf  ${first.leaf}`))
  for (const { salt, digest } of first.sections) assert.ok(document.includes(`${salt}  ${digest}`))
})
