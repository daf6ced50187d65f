import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { chainMessage, MESSAGE_CHAIN_START } from './message-chain.ts'
import { ProgressPairs } from './progress-pairs.ts'
import type { MessageDigests, Progress } from './section-types.ts'

const sha256 = {
  digest: (bytes: Uint8Array): Uint8Array => createHash('sha256').update(bytes).digest(),
  digestInto: (bytes: Uint8Array, into: Uint8Array, offset: number): void => {
    into.set(sha256.digest(bytes), offset)
  },
}
const INTENT = 2

function digestOf(message: string): string {
  return createHash('sha256').update(message).digest('hex')
}

/** Where the chain of these messages, one a letter, stands. */
function chainOf(messages: string): string {
  return messages.split('').reduce((chain, message) => {
    return chainMessage(sha256, chain, digestOf(message))
  }, MESSAGE_CHAIN_START)
}

/** What a record says that lists these messages, the first of which has the number `first`. */
function listing(first: number, listed: string, chain: string): MessageDigests {
  return { first, listed: listed.split('').map(digestOf), chain }
}

function far(count: number, digests?: MessageDigests): Progress {
  const none = listing(1, '', MESSAGE_CHAIN_START)
  return {
    request: { bytes: 0 },
    response: { bytes: 0 },
    messages: {
      request: count,
      response: 0,
      ...(digests === undefined ? {} : { digests: { request: digests, response: none } }),
    },
  }
}

/** What is wrong with the last of these, all of them of one exchange, and its outcome. */
function misfit(...said: readonly Progress[]): string | undefined {
  const pairs = new ProgressPairs(sha256)
  for (const progress of said.slice(0, -1)) {
    assert.equal(pairs.add(INTENT, progress), undefined)
  }
  return pairs.end(INTENT, said.at(-1))
}

const AB = far(2, listing(1, 'ab', chainOf('ab')))

for (const [said, name] of [
  [[AB], 'an outcome without a progress before it'],
  [[AB, far(3, listing(3, 'c', chainOf('abc')))], 'a chain that goes on'],
  [[AB, far(2, listing(3, '', chainOf('ab')))], 'no message since'],
  [[AB, far(9, listing(3, 'cd', 'f'.repeat(64)))], 'more that passed than are listed'],
  [[AB, far(6, listing(5, 'ef', 'f'.repeat(64)))], 'a record between that could not be read'],
  [[far(2), far(2)], 'messages that are counted only'],
] as const) {
  test(`digests of messages hold: ${name}`, () => assert.equal(misfit(...said), undefined))
}

for (const [said, want, name] of [
  [[far(2, listing(1, 'ab', chainOf('ba')))], /do not lead/, 'two that changed places'],
  [[AB, far(3, listing(3, 'x', chainOf('abc')))], /do not lead/, 'another message'],
  [[AB, far(2, listing(3, '', chainOf('ac')))], /do not lead/, 'another chain of the same'],
  [[AB, far(3, listing(2, 'bc', chainOf('abc')))], /2 is listed, and 2/, 'one that is there twice'],
  [[AB, far(2, listing(3, 'c', chainOf('abc')))], /3 are listed, and 2/, 'one that is not counted'],
  [[AB, far(3)], /no digests/, 'digests that end'],
] as const) {
  test(`digests of messages do not hold: ${name}`, () => assert.match(misfit(...said) ?? '', want))
}

test('a chain is what the format says', () => {
  const digest = digestOf('a')
  const label = 'countersign/message-chain/v1\0'
  const wanted = digestOf(`${label}${'0'.repeat(64)}${digest}`)
  assert.equal(chainMessage(sha256, MESSAGE_CHAIN_START, digest), wanted)
})
