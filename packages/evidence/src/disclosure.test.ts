import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { type Disclosure, makeDisclosure, parseDisclosure, verifyDisclosure } from './disclosure.ts'
import { type Json, parseJson } from './json.ts'
import { encodeLeaf, sectionDigest } from './leaf.ts'

const sha256 = {
  digest: (bytes: Uint8Array): Uint8Array => createHash('sha256').update(bytes).digest(),
  digestInto(bytes: Uint8Array, into: Uint8Array, offset: number): void {
    into.set(this.digest(bytes), offset)
  },
}
const held = [1, 2, 5, 6].map((id) => {
  const opened = {
    salt: new Uint8Array(16).fill(id),
    bytes: new TextEncoder().encode(`{"n":${id},"text":"\u00e9"}`),
  }
  return { id, digest: sectionDigest(sha256, { id, ...opened }), opened }
})
const leaf = encodeLeaf(sha256, held)
const shown = makeDisclosure(held, [1, 5])

test('chosen sections are shown and proved, the others stay closed', () => {
  const json = parseJson(new TextEncoder().encode(JSON.stringify(shown)))
  const sections = verifyDisclosure(sha256, parseDisclosure(json), leaf)
  assert.deepEqual([...sections.keys()], [1, 5])
  assert.deepEqual(sections.get(5), held[2]?.opened.bytes)
  assert.ok(!JSON.stringify(shown).includes('\\"n\\":2'))
})

test('a section that is not at hand stays closed, even when it is asked for', () => {
  const erased = held.map((section) =>
    section.id === 5 ? { ...section, opened: undefined } : section,
  )
  const disclosure = makeDisclosure(erased, [1, 5])
  assert.deepEqual([...verifyDisclosure(sha256, disclosure, leaf).keys()], [1])
})

const edit = (at: number, change: object): Disclosure => ({
  ...shown,
  sections: shown.sections.map((section, place) =>
    place === at ? { ...section, ...change } : section,
  ),
})
for (const [disclosure, why] of [
  [edit(0, { text: '{"n":1,"text":"e"}' }), 'a shown text was changed'],
  [edit(0, { text: '{"n": 1,"text":"\u00e9"}' }), 'a shown text was written differently'],
  [edit(0, { text: '{"n":1,"text":"e\u0301"}' }), 'a shown text was normalised'],
  [edit(0, { salt: 'AAAAAAAAAAAAAAAAAAAAAA==' }), 'a salt was changed'],
  [edit(0, { salt: 'AQEBAQEBAQEBAQEBAQEB' }), 'a salt is short'],
  [edit(0, { salt: 'AQEBAQEBAQEBAQEBAQEBAR==' }), 'a salt has another spelling'],
  [edit(1, { digest: 'A'.repeat(43).concat('=') }), 'a closed section was changed'],
  [edit(2, { id: 4 }), 'a section was given another number'],
  [{ ...shown, sections: shown.sections.slice(1) }, 'a section was left out'],
  [{ ...shown, sections: [...shown.sections, ...shown.sections] }, 'sections were repeated'],
  [{ ...shown, sections: shown.sections.toReversed() }, 'sections were moved'],
  [{ ...shown, sections: [] }, 'there are no sections'],
] as const) {
  test(`refused, because ${why}`, () => {
    assert.throws(() => verifyDisclosure(sha256, disclosure, leaf), { name: 'EvidenceError' })
  })
}

for (const [value, why] of [
  [{ v: 2, sections: [] }, 'its version is unknown'],
  [{ v: 1, sections: [{ id: 1 }] }, 'a section is neither shown nor closed'],
  [{ v: 1, sections: [{ id: 1, salt: '', text: '', digest: '' }] }, 'a section is both'],
  [{ v: 1, sections: [{ id: 10, digest: '' }] }, 'a section is unknown'],
  [{ v: 1, sections: Array.from({ length: 10 }, () => ({ id: 1, digest: '' })) }, 'it is too long'],
  [null, 'it is nothing'],
] as const satisfies readonly (readonly [Json, string])[]) {
  test(`no disclosure, because ${why}`, () => {
    assert.throws(() => parseDisclosure(value), { code: 'EVIDENCE_SCHEMA' })
  })
}
