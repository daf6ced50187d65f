import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Who } from '@countersign/evidence'
import { SeededRandom, SimulatedDisk } from '../platform/index.ts'
import { NOW_US, Rig } from '../vault/testing.ts'
import { Party, partyOf } from './party.ts'

const MONTH_US = 31 * 86_400 * 1_000_000
const who: Who = {
  principal: Object.freeze({ id: 'ada', kind: 'user', issuer: 'idp' }),
  credential: { method: 'jwt' },
  facts: { groups: [] },
}

test('the key of a party is that of its subject, in each vault and at each time', async () => {
  const party = partyOf(who)
  assert.ok(party instanceof Party)
  const rigs = [await newRig(1), await newRig(2)]
  for (const atUs of [NOW_US, NOW_US + MONTH_US, NOW_US]) {
    for (const { vault } of [...rigs, ...rigs]) {
      const key = vault.subjectKey({ issuer: 'idp', id: 'ada' }, atUs)
      assert.equal(party.keyAt(vault, atUs), key)
      assert.ok(key.fromUs <= atUs && atUs < key.toUs)
    }
  }
})

test('a party is the same for as long as all but the salt is', () => {
  const party = partyOf(who)
  assert.equal(partyOf({ ...who, requestSalt: '0a'.repeat(16) }), party)
  const other = partyOf({ ...who, credential: { method: 'api-key' } })
  assert.notEqual(other, party)
  assert.equal(other?.id, 'ada')
})

test('a principal that may change is nobody who is known', () => {
  assert.equal(partyOf({ ...who, principal: { ...who.principal } }), undefined)
})

function newRig(seed: number): Promise<Rig> {
  return Rig.open(new SimulatedDisk({ random: new SeededRandom(seed) }), seed)
}
