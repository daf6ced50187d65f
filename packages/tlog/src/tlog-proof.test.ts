import assert from 'node:assert/strict'
import { test } from 'node:test'
import { everyAlgorithm } from '../test/algorithms.ts'
import { memoryLog } from '../test/memory-log.ts'
import cosignatures from '../test/vectors/cosignatures.json' with { type: 'json' }
import tessera from '../test/vectors/tessera-log.json' with { type: 'json' }
import {
  decodeBase64,
  formatTlogProof,
  inclusionProof,
  leafIndex,
  noteVerifier,
  PROOF_EXTRA_BYTES_MAX,
  parseTlogProof,
  parseVerifierKey,
  TlogError,
  tileHashReader,
  treeSize,
  verifyTlogProof,
} from './index.ts'

const NOTE = `${tessera.logOrigin}\n15\n${tessera.roots[15]}\n\n${tessera.lines[15]}\n`
const FILE = `c2sp.org/tlog-proof@v1\n${tessera.proofOfEntry6.join('\n')}\n\n${NOTE}`
const SEVEN = Buffer.from('seven')

for (const algorithms of everyAlgorithm) {
  const { name, sha256 } = algorithms
  const log = [noteVerifier(parseVerifierKey(sha256, tessera.verifierKey), algorithms)]
  const witnesses = [noteVerifier(parseVerifierKey(sha256, cosignatures.ed25519.vkey), algorithms)]

  test(`${name}: the published proof of entry 6 is made, read, written and verified`, async () => {
    const { files } = memoryLog(sha256, tessera.entries.map(bytesOf))
    const readTile = (path: string) => Promise.resolve(files.get(path))
    const size = treeSize(15)
    const index = leafIndex(6)
    const reader = tileHashReader({ sha256, size, readTile })
    const hashes = await inclusionProof(sha256, { index, size }, reader)
    assert.equal(formatTlogProof({ index, hashes, checkpoint: NOTE }), FILE)
    const proof = parseTlogProof(Buffer.from(FILE))
    assert.deepEqual(proof, parseTlogProof(FILE))
    const opened = verifyTlogProof(sha256, proof, { entry: SEVEN, signers: { log } })
    assert.equal(opened.checkpoint.size, 15)
  })

  test(`${name}: a proof is of its entry, its index, its hashes and its log only`, () => {
    const proof = parseTlogProof(FILE)
    const signers = { log }
    for (const [entry, altered, code] of [
      [Buffer.from('eit'), proof, 'TLOG_PROOF_ROOT'],
      [SEVEN, { ...proof, index: leafIndex(7) }, 'TLOG_PROOF_ROOT'],
      [SEVEN, { ...proof, hashes: proof.hashes.toReversed() }, 'TLOG_PROOF_ROOT'],
      [SEVEN, { ...proof, hashes: proof.hashes.slice(1) }, 'TLOG_PROOF_LENGTH'],
      [SEVEN, { ...proof, checkpoint: NOTE.replace('15', '14') }, 'TLOG_SIGNATURE_INVALID'],
      [new Uint8Array(65_536), proof, 'TLOG_ENTRY_TOO_LARGE'],
    ] as const) {
      assert.throws(() => verifyTlogProof(sha256, altered, { entry, signers }), codeIs(code))
    }
    const strangers = { entry: SEVEN, signers: { log: witnesses } }
    assert.throws(() => verifyTlogProof(sha256, proof, strangers), codeIs('TLOG_NOTE_UNSIGNED'))
  })

  test(`${name}: a cosigned proof shows the witness beside the log`, () => {
    const proof = parseTlogProof(`${FILE}${cosignatures.ed25519.line}\n`)
    const against = { entry: SEVEN, signers: { log, witnesses } }
    const { signatures } = verifyTlogProof(sha256, proof, against)
    assert.deepEqual(
      signatures.map(({ verifier, signature }) => verifier.timeOf(signature)),
      [undefined, cosignatures.seconds],
    )
  })
}

test('extra bytes travel with the proof', () => {
  const extra = new Uint8Array(PROOF_EXTRA_BYTES_MAX).fill(7)
  const file = formatTlogProof({ ...parseTlogProof(FILE), extra })
  assert.deepEqual(parseTlogProof(file).extra, extra)
  const larger = new Uint8Array(PROOF_EXTRA_BYTES_MAX + 1)
  const tooMuch = { ...parseTlogProof(FILE), extra: larger }
  assert.throws(() => formatTlogProof(tooMuch), codeIs('TLOG_PROOF_TOO_LARGE'))
})

const ROOT = tessera.roots[1] ?? ''
const FIRST_NOTE = `${tessera.logOrigin}\n1\n${ROOT}\n\n${tessera.lines[1]}\n`
const ALONE = `c2sp.org/tlog-proof@v1\nindex 0\n\n${FIRST_NOTE}`

test('a proof in a tree of one entry holds no hash', () => {
  const proof = parseTlogProof(ALONE)
  assert.deepEqual(proof.hashes, [])
  assert.equal(formatTlogProof(proof), ALONE)
})

for (const [what, file, code] of [
  ['nothing', '', 'TLOG_PROOF_FORMAT'],
  ['another version', FILE.replace('@v1', '@v2'), 'TLOG_PROOF_FORMAT'],
  ['carriage returns', FILE.replaceAll('\n', '\r\n'), 'TLOG_PROOF_FORMAT'],
  ['no index', FILE.replace('index 6\n', ''), 'TLOG_PROOF_FORMAT'],
  ['two indices', FILE.replace('index 6\n', 'index 6\nindex 6\n'), 'TLOG_BASE64'],
  ['a leading zero', FILE.replace('index 6', 'index 06'), 'TLOG_DECIMAL'],
  ['an index at the size', FILE.replace('index 6', 'index 15'), 'TLOG_PROOF_RANGE'],
  ['extra after the index', FILE.replace('index 6\n', 'index 6\nextra AA==\n'), 'TLOG_BASE64'],
  ['an empty extra', FILE.replace('index', 'extra \nindex'), 'TLOG_PROOF_FORMAT'],
  ['two extras', FILE.replace('index', 'extra AA==\nextra AA==\nindex'), 'TLOG_PROOF_FORMAT'],
  ['pad bits in extra', FILE.replace('index', 'extra AB==\nindex'), 'TLOG_BASE64'],
  ['a short hash', FILE.replace(/\nThcg.*\n/, '\nAAAA\n'), 'TLOG_HASH_LENGTH'],
  ['pad bits in a hash', FILE.replace('gQKWs=', 'gQKWt='), 'TLOG_BASE64'],
  ['64 hashes', FILE.replace('6\n', `6\n${`${ROOT}\n`.repeat(60)}`), 'TLOG_PROOF_LENGTH'],
  ['no blank line', FILE.replace('\n\n', '\n'), 'TLOG_BASE64'],
  ['two blank lines', FILE.replace('\n\n', '\n\n\n'), 'TLOG_CHECKPOINT_EXTENSION'],
  ['an unsigned checkpoint', FILE.slice(0, FILE.lastIndexOf('\u2014')), 'TLOG_NOTE_FORMAT'],
  [
    'an extension line',
    FILE.replace(/\n\n\u2014/, '\nextension\n\n\u2014'),
    'TLOG_CHECKPOINT_EXTENSION',
  ],
  ['a byte order mark', `\ufeff${FILE}`, 'TLOG_PROOF_FORMAT'],
  ['more than its limit', FILE + 'x'.repeat(1_070_000), 'TLOG_PROOF_TOO_LARGE'],
] as const) {
  test(`a proof with ${what} is refused: ${code}`, () => {
    assert.throws(() => parseTlogProof(file), codeIs(code))
    assert.throws(() => parseTlogProof(Buffer.from(file)), codeIs(code))
  })
}

test('bytes that are no UTF-8 are refused', () => {
  assert.throws(() => parseTlogProof(Uint8Array.of(0xff)), codeIs('TLOG_TEXT'))
  assert.equal(decodeBase64('/w==')[0], 0xff)
})

function bytesOf(text: string): Uint8Array {
  return Buffer.from(text)
}

function codeIs(code: string): (error: unknown) => boolean {
  return (error) => error instanceof TlogError && error.code === code
}
