import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Who } from '@countersign/evidence'
import { sectionText } from './section-text.ts'

const facts = { groups: ['readers "and" writers'] }
const credential = { method: 'jwt', id: 't-1' } as const
const principal = Object.freeze({ id: 'ada', kind: 'user', issuer: 'idp' } as const)
const salted = (who: Who, requestSalt: string): Who => ({ ...who, requestSalt })

test('a party that is known has the text that it would have anyway, salt by salt', () => {
  const who: Who = { principal, credential, facts }
  for (const salt of ['0a'.repeat(16), '1b'.repeat(16), 'a "salt"\n', '', '0a'.repeat(16)]) {
    assert.equal(sectionText('who', salted(who, salt)), JSON.stringify(salted(who, salt)))
  }
})

test('what stands beside a known principal is looked at each time', () => {
  const salt = '0a'.repeat(16)
  for (const who of [
    { principal, credential, facts },
    { principal, credential, facts: { groups: ['others'] } },
    { principal, credential: { method: 'api-key' }, facts },
    { principal, credential, facts: { groups: [] } },
    { principal },
    { principal: { ...principal, id: 'ben' }, facts },
    { principal, facts, more: 1 },
  ] as readonly Who[]) {
    assert.equal(sectionText('who', salted(who, salt)), JSON.stringify(salted(who, salt)))
  }
})

test('facts that are no strict json are refused of a known party too', () => {
  const who = { principal, credential, facts: { share: 0.5 }, requestSalt: '0a'.repeat(16) }
  for (let time = 0; time < 2; time++) {
    assert.throws(() => sectionText('who', who), { code: 'RECORDER_NOT_STRICT' })
  }
})

test('a frozen value has one text, and what is not frozen is looked at each time', () => {
  const frozen = Object.freeze({ address: '203.0.113.7', port: 1024 })
  assert.equal(sectionText('where', frozen), JSON.stringify(frozen))
  assert.equal(sectionText('where', frozen), JSON.stringify(frozen))
  const open = { address: '203.0.113.7', port: 1024 }
  assert.equal(sectionText('where', open), JSON.stringify(open))
  open.port = 1025
  assert.equal(sectionText('where', open), JSON.stringify(open))
})

test('facts and salts that are undefined are none', () => {
  for (const value of [
    { principal, facts: undefined, requestSalt: '0a'.repeat(16) },
    { principal, facts, requestSalt: undefined },
    { verdict: 'allow', facts: undefined },
  ]) {
    assert.equal(sectionText('who', value), JSON.stringify(value))
  }
})
