import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SECTION_NAMES, SECTIONS, sectionId, sectionName } from './sections.ts'

test('name and number of a section lead to each other, whichever way they are looked up', () => {
  assert.equal(SECTION_NAMES.length, Object.keys(SECTIONS).length)
  for (const name of SECTION_NAMES) {
    assert.equal(sectionId(name), SECTIONS[name])
    assert.equal(sectionName(sectionId(name)), name)
  }
})
