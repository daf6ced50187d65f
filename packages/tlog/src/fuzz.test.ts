import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { everyAlgorithm } from '../test/algorithms.ts'
import cosignatures from '../test/vectors/cosignatures.json' with { type: 'json' }
import notes from '../test/vectors/notes.json' with { type: 'json' }
import tessera from '../test/vectors/tessera-log.json' with { type: 'json' }
import {
  decodeBase64,
  decodeBundle,
  encodeBase64,
  encodeBundle,
  entriesPath,
  formatCheckpoint,
  formatNote,
  formatSignatureLine,
  formatSignerKey,
  formatTlogProof,
  formatVerifierKey,
  parseCheckpoint,
  parseDecimal,
  parseNote,
  parseSignatureLine,
  parseSignerKey,
  parseTilePath,
  parseTlogProof,
  parseVerifierKey,
  TlogError,
  tilePath,
} from './index.ts'

const { sha256, publicKeyOf } = everyAlgorithm[0] ?? assert.fail()

/** A parser, what it must accept, and the text that it must have read when it accepted. */
interface Format {
  readonly name: string
  readonly valid: readonly string[]
  readonly reprint: (bytes: Uint8Array) => Uint8Array | string
}

const NOTE = `${tessera.logOrigin}\n15\n${tessera.roots[15]}\n\n${tessera.lines[15]}\n`
const COSIGNED = `${NOTE}${cosignatures.ed25519.line}\n`
const PROOF = `c2sp.org/tlog-proof@v1\nextra AAEC\n${tessera.proofOfEntry6.join('\n')}\n\n${NOTE}`

const formats: readonly Format[] = [
  {
    name: 'note from bytes',
    valid: [NOTE, COSIGNED],
    reprint: (bytes) => formatNote(parseNote(bytes)),
  },
  {
    name: 'note from text',
    valid: [NOTE, COSIGNED],
    reprint: (bytes) => formatNote(parseNote(replaced(bytes))),
  },
  {
    name: 'signature line',
    valid: [cosignatures.ed25519.line, tessera.lines[1]],
    reprint: (bytes) => formatSignatureLine(parseSignatureLine(utf8(bytes))).slice(0, -1),
  },
  {
    name: 'checkpoint',
    valid: [`${tessera.logOrigin}\n15\n${tessera.roots[15]}\n`, `o\n0\n${tessera.roots[0]}\n`],
    reprint: (bytes) => formatCheckpoint(parseCheckpoint(utf8(bytes))),
  },
  {
    name: 'tlog-proof',
    valid: [PROOF, PROOF.replace('extra AAEC\n', '')],
    reprint: (bytes) => formatTlogProof(parseTlogProof(bytes)),
  },
  {
    name: 'verifier key',
    valid: [tessera.verifierKey, cosignatures.ed25519.vkey],
    reprint: (bytes) => formatVerifierKey(sha256, parseVerifierKey(sha256, utf8(bytes))),
  },
  {
    name: 'signer key',
    valid: [tessera.signerKey, ...notes.signerKeys],
    reprint: (bytes) => formatSignerKey(sha256, parseSignerKey(sha256, utf8(bytes), publicKeyOf)),
  },
  {
    name: 'bundle',
    valid: ['\0\u0003one\0\u0003two', `\0\0\u0001\0${'x'.repeat(256)}`],
    reprint: (bytes) => encodeBundle(decodeBundle(bytes, 2)),
  },
  {
    name: 'tile path',
    valid: ['tile/0/x001/x234/067', 'tile/entries/273.p/112', 'tile/12/000.p/9'],
    reprint: (bytes) => {
      const path = parseTilePath(utf8(bytes))
      return path.kind === 'tile' ? tilePath(path) : entriesPath(path)
    },
  },
  {
    name: 'decimal',
    valid: ['0', '15', '9007199254740991'],
    reprint: (bytes) => `${parseDecimal(utf8(bytes))}`,
  },
  {
    name: 'base64',
    valid: ['AAECAwQF', 'AAECAw==', 'AAECAwQ='],
    reprint: (bytes) => encodeBase64(decodeBase64(utf8(bytes))),
  },
]

for (const { name, valid, reprint } of formats) {
  test(`${name}: accepts what is valid, as it is`, () => {
    for (const text of valid) assert.deepEqual(bytesOf(reprint(Buffer.from(text))), bytesOf(text))
  })

  test(`${name}: a mutation is refused by a code, or is read as exactly what it says`, () => {
    const mutations = fc.array(mutation, { minLength: 1, maxLength: 3 })
    const property = fc.property(fc.constantFrom(...valid), mutations, (text, steps) => {
      const mutated = steps.reduce<Uint8Array>((bytes, step) => step(bytes), bytesOf(text))
      const printed = codeOr(() => reprint(mutated))
      if (printed === undefined) return
      const read = name.endsWith('text') ? bytesOf(replaced(mutated)) : mutated
      assert.deepEqual(bytesOf(printed), bytesOf(read))
    })
    fc.assert(property, { numRuns: 3000 })
  })
}

type Step = (bytes: Uint8Array) => Uint8Array

/** Bytes at which such formats break: separators, digits, padding, parts of UTF-8. */
const telling = fc.constantFrom(...Buffer.from('\0\t\n\r +-./=0149AZaxé\u2014\u00a0\ufeff', 'utf8'))

const mutation: fc.Arbitrary<Step> = fc.oneof(
  fc.tuple(fc.nat(), fc.integer({ min: 1, max: 255 })).map(
    ([at, mask]): Step =>
      (bytes) =>
        bytes.map((byte, place) => (place === at % bytes.length ? byte ^ mask : byte)),
  ),
  fc.tuple(fc.nat(), telling).map(
    ([at, byte]): Step =>
      (bytes) =>
        spliced(bytes, at, 0, Uint8Array.of(byte)),
  ),
  fc.tuple(fc.nat(), telling).map(
    ([at, byte]): Step =>
      (bytes) =>
        spliced(bytes, at, 1, Uint8Array.of(byte)),
  ),
  fc.tuple(fc.nat(), fc.integer({ min: 1, max: 40 })).map(
    ([at, count]): Step =>
      (bytes) =>
        spliced(bytes, at, count, new Uint8Array(0)),
  ),
  fc.tuple(fc.nat(), fc.nat(), fc.integer({ min: 1, max: 80 })).map(
    ([at, from, count]): Step =>
      (bytes) => {
        const start = from % (bytes.length + 1)
        return spliced(bytes, at, 0, bytes.slice(start, start + count))
      },
  ),
  fc.nat().map(
    (at): Step =>
      (bytes) =>
        bytes.slice(0, at % (bytes.length + 1)),
  ),
)

function spliced(bytes: Uint8Array, at: number, count: number, insert: Uint8Array): Uint8Array {
  const start = at % (bytes.length + 1)
  return Buffer.concat([bytes.subarray(0, start), insert, bytes.subarray(start + count)])
}

/** What `run` returns; undefined where it refuses as it should. Anything else is a crash. */
function codeOr<Result>(run: () => Result): Result | undefined {
  try {
    return run()
  } catch (error) {
    if (error instanceof TlogError) return undefined
    throw error
  }
}

/** Texts arrive decoded; a mutation that is no UTF-8 is refused before it is a text. */
function utf8(bytes: Uint8Array): string {
  const text = Buffer.from(bytes).toString()
  if (!Buffer.from(text).equals(bytes)) throw new TlogError('TLOG_TEXT', 'not UTF-8')
  return text
}

/** Broken UTF-8 becomes U+FFFD, as it does for whoever decodes leniently before parsing. */
function replaced(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString()
}

function bytesOf(value: Uint8Array | string): Uint8Array {
  return Uint8Array.from(typeof value === 'string' ? Buffer.from(value) : value)
}
