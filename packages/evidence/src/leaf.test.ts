import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  cutSalts,
  encodeLeaf,
  LeafWriter,
  SECTION_BYTES_MAX,
  SECTION_HEAD_BYTES,
  sectionDigest,
  sectionHead,
} from './leaf.ts'

const sha256 = {
  digest: (bytes: Uint8Array): Uint8Array => createHash('sha256').update(bytes).digest(),
  digestInto(bytes: Uint8Array, into: Uint8Array, offset: number): void {
    into.set(this.digest(bytes), offset)
  },
}
const sha512 = {
  digest: (bytes: Uint8Array): Uint8Array => createHash('sha512').update(bytes).digest(),
}

interface Vector {
  readonly name: string
  readonly saltKeys: { readonly ledger: string; readonly person: string }
  readonly recordId: string
  readonly sections: readonly {
    readonly id: number
    readonly key: 'ledger' | 'person'
    readonly text: string
    readonly salt: string
    readonly digest: string
  }[]
  readonly leaf: string
}

const file = join(import.meta.dirname, '../../../test/vectors/leaf.json')
const vectors = JSON.parse(readFileSync(file, 'utf8')) as readonly Vector[]

// The formulas once more, as the document writes them and as slowly as that takes.
const concat = (...parts: (string | Uint8Array | number)[]): Buffer =>
  Buffer.concat(
    parts.map((part) =>
      typeof part === 'number' ? Buffer.from([part]) : Buffer.from(part as string),
    ),
  )
const slowDigest = (id: number, salt: Uint8Array, bytes: Uint8Array): Buffer =>
  createHash('sha256')
    .update(concat('countersign/section/v1', 0, id, salt, bytes))
    .digest()
const slowLeaf = (sections: readonly { id: number; digest: Uint8Array }[]): Buffer =>
  concat(
    1,
    createHash('sha256')
      .update(
        concat(
          'countersign/record/v1',
          0,
          sections.length,
          ...sections.flatMap(({ id, digest }) => [id, digest]),
        ),
      )
      .digest(),
  )
const slowSalt = (key: Uint8Array, recordId: Uint8Array, place: number): Buffer =>
  createHash('sha512')
    .update(concat('countersign/salt/v1', 0, key, recordId, Math.floor(place / 4)))
    .digest()
    .subarray((place % 4) * 16, (place % 4) * 16 + 16)

for (const vector of vectors) {
  test(`vector: ${vector.name}`, () => {
    const recordId = hex(vector.recordId)
    const salts = new Map<string, readonly Uint8Array[]>()
    for (const key of ['ledger', 'person'] as const) {
      const count = vector.sections.filter((section) => section.key === key).length
      salts.set(key, cutSalts(sha512, { saltKey: hex(vector.saltKeys[key]), recordId, count }))
    }
    const cut = { ledger: 0, person: 0 }
    const digests = vector.sections.map(({ id, key, text, salt: wanted, digest }) => {
      const salt = salts.get(key)?.[cut[key]++] ?? new Uint8Array(0)
      assert.equal(Buffer.from(salt).toString('hex'), wanted)
      const bytes = new TextEncoder().encode(text)
      const found = sectionDigest(sha256, { id, salt, bytes })
      assert.equal(Buffer.from(found).toString('hex'), digest)
      return { id, digest: found }
    })
    assert.equal(Buffer.from(encodeLeaf(sha256, digests)).toString('hex'), vector.leaf)
  })
}

test('digests, leaves and salts are those of the formulas, for any input', () => {
  const bytes = fc.uint8Array({ maxLength: 300 })
  const of16 = fc.uint8Array({ minLength: 16, maxLength: 16 })
  const of32 = fc.uint8Array({ minLength: 32, maxLength: 32 })
  const ids = fc.uniqueArray(fc.integer({ min: 1, max: 9 }), { minLength: 1 })
  fc.assert(
    fc.property(ids, of16, of32, of16, bytes, (someIds, salt, saltKey, recordId, section) => {
      const sections = someIds
        .toSorted((one, other) => one - other)
        .map((id) => ({ id, digest: sectionDigest(sha256, { id, salt, bytes: section }) }))
      for (const { id, digest } of sections) {
        assert.deepEqual(Buffer.from(digest), slowDigest(id, salt, section))
      }
      assert.deepEqual(Buffer.from(encodeLeaf(sha256, sections)), slowLeaf(sections))
      const salts = cutSalts(sha512, { saltKey, recordId, count: sections.length })
      assert.equal(salts.length, sections.length)
      for (const [place, cut] of salts.entries()) {
        assert.deepEqual(Buffer.from(cut), slowSalt(saltKey, recordId, place))
      }
    }),
  )
})

test('a digest does not depend on the one before: the scratch space holds nothing over', () => {
  const salt = new Uint8Array(16)
  const short = { id: 5, salt, bytes: Uint8Array.of(1) }
  const alone = sectionDigest(sha256, short)
  sectionDigest(sha256, { id: 9, salt: salt.fill(9), bytes: new Uint8Array(1000).fill(7) })
  assert.deepEqual(sectionDigest(sha256, { ...short, salt: new Uint8Array(16) }), alone)
})

test('a writer of many leaves makes the same leaves, one after the other', () => {
  const writer = new LeafWriter(sha256)
  const section = fc.record({
    salt: fc.uint8Array({ minLength: 16, maxLength: 16 }),
    bytes: fc.uint8Array({ maxLength: 200 }),
  })
  fc.assert(
    fc.property(fc.array(section, { minLength: 1, maxLength: 9 }), (sections) => {
      const digests = sections.map(({ salt, bytes }, at) => {
        const id = at + 1
        const head = Buffer.from(sectionHead(id), 'latin1')
        assert.equal(head.length, SECTION_HEAD_BYTES)
        const written = writer.add(Buffer.concat([head, bytes]), salt)
        const found = sectionDigest(sha256, { id, salt, bytes })
        assert.deepEqual(Buffer.from(written), Buffer.from(found))
        return { id, digest: found }
      })
      assert.deepEqual(writer.finish(), encodeLeaf(sha256, digests))
    }),
  )
  writer.add(Buffer.from(sectionHead(1), 'latin1'), new Uint8Array(16))
  writer.reset()
  writer.add(Buffer.from(sectionHead(2), 'latin1'), new Uint8Array(16))
  const alone = { id: 2, salt: new Uint8Array(16), bytes: new Uint8Array(0) }
  const leaf = encodeLeaf(sha256, [{ id: 2, digest: sectionDigest(sha256, alone) }])
  assert.deepEqual(writer.finish(), leaf)
})

const digest = new Uint8Array(32)
for (const [why, sections] of [
  ['it has no sections', []],
  ['its sections are out of order', [at(5), at(1)]],
  ['it has a section twice', [at(5), at(5)]],
  ['a section has number 0', [at(0)]],
  ['a section has number 10', [at(10)]],
  ['a digest is short', [{ id: 1, digest: new Uint8Array(31) }]],
  ['it has more sections than there are', Array.from({ length: 10 }, (_, n) => at(n + 1))],
] as const) {
  test(`no leaf, because ${why}`, () => {
    assert.throws(() => encodeLeaf(sha256, sections), { code: 'EVIDENCE_LEAF' })
  })
}

test('a section has at most SECTION_BYTES_MAX bytes, and a salt of 16', () => {
  const salt = new Uint8Array(16)
  const most = new Uint8Array(SECTION_BYTES_MAX)
  assert.equal(sectionDigest(sha256, { id: 1, salt, bytes: most }).length, 32)
  const more = new Uint8Array(SECTION_BYTES_MAX + 1)
  assert.throws(() => sectionDigest(sha256, { id: 1, salt, bytes: more }), {
    code: 'EVIDENCE_TOO_LARGE',
  })
  const shortSalt = { id: 1, salt: new Uint8Array(15), bytes: most }
  assert.throws(() => sectionDigest(sha256, shortSalt), { code: 'EVIDENCE_LEAF' })
})

function at(id: number): { readonly id: number; readonly digest: Uint8Array } {
  return { id, digest }
}

function hex(text: string): Uint8Array {
  return Buffer.from(text, 'hex')
}
