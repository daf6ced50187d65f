import assert from 'node:assert/strict'
import { test } from 'node:test'
import { cutTexts, joinTexts } from './change-texts.ts'
import { SECTION_BYTES_MAX } from './leaf.ts'
import { parseAct } from './parse-section.ts'

const many = Array.from({ length: 300 }, (_, at) => ({ name: `${at}.cedar`, text: `// ${at}\n` }))

for (const [name, texts, groups] of [
  ['nothing at all', [], 1],
  ['an empty file', [{ name: 'a', text: '' }], 1],
  ['a small file', [{ name: 'a', text: 'version: 1\n' }], 1],
  ['a long file', [{ name: 'a', text: 'x'.repeat(200_000) }], 4],
  ['a file of controls, six bytes each', [{ name: 'a', text: '\u0001'.repeat(30_000) }], 4],
  ['pairs of surrogates at every cut', [{ name: 'a', text: `x${'😀'.repeat(40_000)}` }], 4],
  ['many files', many, 3],
] as const) {
  test(`${name}: cut so that every record fits, and whole again`, () => {
    const cut = cutTexts(texts)
    assert.equal(cut.length, groups)
    for (const group of cut) {
      const problems = Array.from({ length: 10 }, () => 'p'.repeat(1000))
      const facts = { act: 'loaded', sha256: '0'.repeat(64), problems, files: group }
      const bytes = new TextEncoder().encode(JSON.stringify(facts))
      assert.ok(bytes.length <= SECTION_BYTES_MAX, `${bytes.length}`)
      assert.deepEqual(parseAct('config', bytes), facts)
    }
    assert.deepEqual(joinTexts(cut.flat()), texts)
  })
}
