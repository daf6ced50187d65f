import assert from 'node:assert/strict'
import { test } from 'node:test'
import { NO_SEAT, Roster } from './roster.ts'

interface Named {
  readonly name: string
  seat: number
}

function seated(names: string): { readonly roster: Roster<Named>; readonly all: readonly Named[] } {
  const roster = new Roster<Named>()
  const all = names.split('').map((name) => ({ name, seat: NO_SEAT }))
  for (const each of all) roster.add(each)
  return { roster, all }
}

function namesOf(roster: Roster<Named>): string {
  const names = roster.members().map(({ name }) => name)
  return names.sort().join('')
}

for (const [name, leave, want] of [
  ['the first leaves', [0], 'bcd'],
  ['the last leaves', [3], 'abc'],
  ['all leave, in any order', [2, 0, 3, 1], ''],
  ['whoever left leaves again', [1, 1], 'acd'],
] as const) {
  test(`a roster of which ${name} has the others`, () => {
    const { roster, all } = seated('abcd')
    for (const at of leave) roster.delete(all[at] ?? assert.fail())
    assert.equal(namesOf(roster), want)
    assert.equal(roster.size, want.length)
  })
}

test('who is in it already has one seat, and who has left can come back', () => {
  const { roster, all } = seated('ab')
  const [first] = all
  assert.ok(first !== undefined)
  roster.add(first)
  assert.equal(namesOf(roster), 'ab')
  roster.delete(first)
  roster.add(first)
  assert.equal(namesOf(roster), 'ab')
})

test('whoever goes through it may empty it on the way', () => {
  const { roster } = seated('abcd')
  for (const each of roster.members()) roster.delete(each)
  assert.equal(roster.size, 0)
})
