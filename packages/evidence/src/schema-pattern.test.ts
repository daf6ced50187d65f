import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { EvidenceError } from './error.ts'
import { KINDS, type Kind } from './kinds.ts'
import { checkSection, parseSection, sectionSchema } from './parse-section.ts'
import { schemaPattern } from './schema-pattern.ts'
import { SECTIONS, type SectionName } from './sections.ts'

const HASH = 'ab'.repeat(32)
const SECTIONS_WRITTEN: readonly (readonly [SectionName, Kind, object])[] = [
  [
    'who',
    'intent',
    {
      principal: { id: 'ada', kind: 'user', issuer: 'i' },
      credential: { method: 'api-key', id: 'c' },
      facts: { groups: ['a', 'b'], level: 3, on: true },
    },
  ],
  [
    'where',
    'intent',
    { address: '::1', port: 50_000, tls: { version: 'TLSv1.3', cipher: 'x' }, userAgent: 'curl/8' },
  ],
  [
    'what',
    'intent',
    {
      method: 'GET',
      scheme: 'http',
      authority: 'a:1',
      path: '/x',
      query: 'a=1',
      headers: { accept: ['*/*'], 'x-a': ['1', '2'] },
    },
  ],
  [
    'why',
    'intent',
    {
      verdict: 'allow',
      reason: 'policy-permits',
      policies: ['p'],
      requestSha256: HASH,
      facts: { hour: 9 },
      limits: [{ name: 'n', limit: 1, used: 0 }],
    },
  ],
  [
    'via',
    'outcome',
    {
      upstream: 'u',
      address: 'a',
      attempts: 1,
      timings: { headUs: 12, endUs: 99 },
      status: 200,
      response: { bytes: 0, sha256: HASH },
    },
  ],
  ['how', 'outcome', { ended: 'released', status: 204, source: 'upstream', request: { bytes: 0 } }],
  ['seal', 'intent', { keys: { who: 'cd'.repeat(16), where: 'cd'.repeat(16) }, shared: true }],
  ['what', 'system', { act: 'heartbeat', size: 1, root: HASH }],
  ['what', 'block', { files: [{ path: 'records/001', sha256: HASH, bytes: 1 }] }],
]

const encode = (text: string): Uint8Array => new TextEncoder().encode(text)

for (const [name, kind, value] of SECTIONS_WRITTEN) {
  const text = JSON.stringify(value)
  const pattern = schemaPattern(sectionSchema(name, kind))

  test(`${name} of ${kind} is told to be good without being parsed`, () => {
    assert.match(text, pattern)
    checkSection(SECTIONS[name], kind, encode(text))
  })

  test(`${name} of ${kind}: whatever the pattern takes, the parser takes`, () => {
    const piece = fc.constantFrom(...',:{}[]"\\ 0-1.e9'.split(''), 'null', '"a":1', '{}', '"facts"')
    const edit = fc.tuple(fc.nat(text.length), fc.nat(3), piece)
    fc.assert(
      fc.property(fc.array(edit, { minLength: 1, maxLength: 3 }), (edits) => {
        let other = text
        for (const [at, cut, put] of edits) other = other.slice(0, at) + put + other.slice(at + cut)
        // Repeats are what an editing of single characters hardly ever makes.
        const from = edits[0]?.[0] ?? 0
        const length = 8 * (edits[0]?.[1] ?? 0)
        const twice = text.slice(0, from + length) + text.slice(from)
        for (const candidate of [other, twice]) {
          if (pattern.test(candidate)) parseSection(SECTIONS[name], kind, encode(candidate))
        }
      }),
      { numRuns: 2000 },
    )
  })
}

for (const [text, why] of [
  ['{"principal":{"id":"a","kind":"user"},"facts":{"a":1,"a":2}}', 'a fact is there twice'],
  ['{"principal":{"id":"a","kind":"user"},"facts":{"a":["}"],"a":2}}', 'a brace hides the second'],
  ['{"principal":{"id":"a","kind":"user"},"facts":{"a":1,"b":1,"b":1}}', 'the last is there twice'],
  ['{"principal":{"id":"a","kind":"user"},}', 'a comma is left over'],
  ['{"principal":{"id":"a","id":"b","kind":"user"}}', 'a member is there twice'],
  ['{"principal":{"id":"\\ud800","kind":"user"}}', 'a surrogate is alone'],
  ['{"principal":{"id":"a","kind":"user"},"facts":{"a":01}}', 'a zero leads'],
  ['{"principal":{"id":"a","kind":"user"},"facts":{"a":-0}}', 'zero is negative'],
] as const) {
  test(`refused by both ways, because ${why}`, () => {
    assert.throws(() => checkSection(SECTIONS.who, 'intent', encode(text)), EvidenceError)
  })
}

for (const text of [
  '{ "principal": {"id":"a","kind":"user"} }',
  '{"principal":{"id":"a","kind":"user"}}\n',
  '{"principal":{"kind":"user","id":"a"}}',
  '{"principal":{"id":"\u00e9 \\" {}","kind":"user"},"facts":{"a":{"b":[{}]}}}',
]) {
  test(`left to the parser, and good: ${text}`, () => {
    assert.doesNotMatch(text, schemaPattern(sectionSchema('who', 'intent')))
    checkSection(SECTIONS.who, 'intent', encode(text))
  })
}

test('every schema has a pattern', () => {
  for (const kind of Object.keys(KINDS) as Kind[]) {
    for (const name of [...KINDS[kind].required, ...KINDS[kind].allowed]) {
      assert.doesNotThrow(() => schemaPattern(sectionSchema(name, kind)))
    }
  }
})
