// Plaintext that only the holder of a key can have sealed, and that claims more than there is: it
// is refused before memory or time are spent on it.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ByteWriter } from './byte-stream.ts'
import { decodePersons, decodeRecords } from './columns.ts'
import { VaultError } from './errors.ts'

const HUGE = 2 ** 40
const SAME = 0
const INDEXED = 3
const TEXT_MARK = 1

interface Streams {
  readonly structure: (to: ByteWriter) => void
  readonly texts?: Uint8Array
  readonly lengths?: { readonly [stream: number]: number }
}

/** A table's plaintext whose frames are stored as they are. */
function plain({ structure, texts = new Uint8Array(0), lengths = {} }: Streams): Uint8Array {
  const words = new ByteWriter()
  structure(words)
  const first = words.length + texts.length
  const head = new ByteWriter()
  for (const [stream, length] of [words.length, texts.length, 0, 0, 0, first, 0].entries()) {
    head.number(lengths[stream] ?? length)
  }
  return Buffer.concat([head.bytes, words.bytes, texts])
}

function numbers(...values: readonly number[]): (to: ByteWriter) => void {
  return (to) => {
    for (const value of values) to.number(value)
  }
}

const ONE_FORM = [1, 1, 1, 1, 1] // One form: kind 1, one section, id 1, template 1.
const SKELETON = Array.from({ length: 4_000 }, () => TEXT_MARK)
const TEMPLATE = [1, SKELETON.length, ...SKELETON]
/** A hundred records, each column of whose heads holds one value. */
const HEAD = [
  1,
  100,
  ...ONE_FORM,
  ...TEMPLATE,
  ...Array.from({ length: 5 }, () => [SAME, 0]).flat(),
]

const CASES: readonly (readonly [string, Streams])[] = [
  ['rows', { structure: numbers(HUGE, 0, 0, 0, SAME, 0) }],
  ['bytes of sections', { structure: numbers(1, HUGE, 0, 0, SAME, 0) }],
  ['forms', { structure: numbers(1, 0, HUGE) }],
  ['templates', { structure: numbers(1, 0, 0, HUGE) }],
  ['distinct values', { structure: numbers(1, 0, 0, 0, INDEXED, HUGE, SAME, 0) }],
  [
    'distinct values of distinct values',
    {
      structure: numbers(1, 0, 0, 0, ...Array.from({ length: 60_000 }, () => [INDEXED, 1]).flat()),
    },
  ],
  [
    'columns of many rows',
    {
      structure: numbers(
        131_072,
        0,
        ...ONE_FORM,
        1,
        SKELETON.length,
        ...SKELETON,
        SAME,
        0,
        SAME,
        0,
      ),
    },
  ],
  [
    'one long text over and over',
    {
      structure: numbers(...HEAD, ...SKELETON.flatMap(() => [1, SAME, 0]), 0, 0, 0),
      texts: Buffer.concat(SKELETON.map(() => Buffer.from(`${'x'.repeat(5_000)}\n`))),
    },
  ],
  [
    'identifiers',
    { structure: numbers(0, 0, 0, 0, SAME, 0, SAME, 0, SAME, 0, SAME, 0, SAME, 0, HUGE) },
  ],
  ['bytes of a frame', { structure: numbers(0), lengths: { 0: HUGE } }],
]

for (const [name, streams] of CASES) {
  test(`more than there can be: ${name}`, () => {
    const bytes = plain(streams)
    for (const decode of [decodeRecords, decodePersons]) {
      assert.throws(
        () => decode(bytes),
        (error) => {
          assert.ok(error instanceof VaultError)
          return error.code === 'VAULT_MALFORMED'
        },
      )
    }
  })
}
