import assert from 'node:assert/strict'
import { test } from 'node:test'
import { everyAlgorithm } from '../test/algorithms.ts'
import cosignatures from '../test/vectors/cosignatures.json' with { type: 'json' }
import synthetic from '../test/vectors/synthetic-log.json' with { type: 'json' }
import tessera from '../test/vectors/tessera-log.json' with { type: 'json' }
import witnessed from '../test/vectors/witness-conversation.json' with { type: 'json' }
import {
  CompactRange,
  cosignatureMessage,
  decodeBase64,
  encodeBase64,
  formatCheckpoint,
  formatNote,
  formatSignatureLine,
  hashLeaf,
  hexKeyId,
  keyIdOf,
  leafIndex,
  noteSigner,
  noteVerifier,
  openCheckpoint,
  parseCheckpoint,
  parseSignatureLine,
  parseSignerKey,
  parseVerifierKey,
  signedMessage,
  subtreeMessage,
  TlogError,
  treeSize,
  verifierKey,
  verifyNote,
} from './index.ts'

const ORIGIN = tessera.logOrigin
const TEXT_15 = checkpointText(15, tessera.roots[15] ?? '')

for (const algorithms of everyAlgorithm) {
  const { name, sha256, publicKeyOf, sign } = algorithms
  const log = noteVerifier(parseVerifierKey(sha256, tessera.verifierKey), algorithms)
  const { seed, ...key } = parseSignerKey(sha256, tessera.signerKey, publicKeyOf)
  const signer = noteSigner(key, (message) => sign(key.type, seed, message))

  test(`${name}: all 16 checkpoints of the Tessera log are computed; known lines match`, () => {
    const range = new CompactRange(sha256)
    for (const [size, root] of tessera.roots.entries()) {
      if (size > 0) range.append(hashLeaf(sha256, Buffer.from(tessera.entries[size - 1] ?? '')))
      const text = formatCheckpoint({ origin: ORIGIN, size: range.size, root: range.root() })
      assert.equal(text, checkpointText(size, root))
      const line = formatSignatureLine(signer.sign(text)).trimEnd()
      const known = new Map(Object.entries(tessera.lines)).get(`${size}`)
      if (known !== undefined) assert.equal(line, known)
      const { checkpoint } = openCheckpoint(`${text}\n${line}\n`, { log: [log] })
      assert.deepEqual(checkpoint, parseCheckpoint(text))
    }
  })

  test(`${name}: the checkpoint of 70,000 is signed byte by byte`, () => {
    const root = encodeBase64(Buffer.from(synthetic.roots[70_000], 'hex'))
    const line = formatSignatureLine(signer.sign(checkpointText(70_000, root)))
    assert.equal(line, `${synthetic.line70000}\n`)
  })

  test(`${name}: a foreign log's checkpoints verify`, () => {
    const vkey = parseVerifierKey(sha256, witnessed.verifierKey)
    const verifier = noteVerifier(vkey, algorithms)
    for (const { size, root, signature } of witnessed.checkpoints) {
      const note = `${vkey.name}\n${size}\n${root}\n\n\u2014 ${vkey.name} ${signature}\n`
      assert.equal(openCheckpoint(note, { log: [verifier] }).checkpoint.size, size)
      const altered = note.replace(`\n${size}\n`, `\n${size + 1}\n`)
      assert.throws(
        () => openCheckpoint(altered, { log: [verifier] }),
        codeIs('TLOG_SIGNATURE_INVALID'),
      )
    }
  })

  test(`${name}: an Ed25519 cosignature is made and verified as published`, () => {
    const { ed25519, seconds } = cosignatures
    const witness = parseVerifierKey(sha256, ed25519.vkey)
    const message = cosignatureMessage(Buffer.from(TEXT_15), seconds)
    assert.equal(message.length, ed25519.messageBytes)
    assert.equal(hex(sha256.digest(message)), ed25519.messageSha256)
    const witnessSeed = Buffer.from(ed25519.seed, 'hex')
    assert.deepEqual(publicKeyOf(4, witnessSeed), witness.publicKey)
    assert.equal(hexKeyId(keyIdOf(sha256, { ...witness, type: 1 })), ed25519.keyIdAsType1)
    const made = noteSigner(witness, (bytes) => sign(4, witnessSeed, bytes)).sign(TEXT_15, seconds)
    assert.equal(formatSignatureLine(made), `${ed25519.line}\n`)
    const verifier = noteVerifier(witness, algorithms)
    assert.equal(verifier.timeOf(made.signature), seconds)
    assert.ok(verifier.verify(Buffer.from(TEXT_15), made.signature))
    assert.ok(!verifier.verify(Buffer.from(TEXT_15), made.signature.with(7, 1))) // another time
  })

  test(`${name}: a foreign cosignature verifies`, () => {
    const { vkey, text, line, seconds } = cosignatures.foreign
    const verifier = noteVerifier(parseVerifierKey(sha256, vkey), algorithms)
    const [verified] = verifyNote({ text, signatures: [parseSignatureLine(line)] }, [verifier])
    assert.equal(verifier.timeOf(verified?.signature ?? assert.fail()), seconds)
    assert.equal(parseCheckpoint(text).size, 300)
    assert.equal(parseVerifierKey(sha256, cosignatures.mirrorKey).type, 4)
  })

  test(`${name}: an ML-DSA-44 cosignature has the published message and verifies`, () => {
    const { mlDsa44, seconds } = cosignatures
    const witnessSeed = Buffer.from(mlDsa44.seed, 'hex')
    const publicKey = publicKeyOf(6, witnessSeed)
    assert.equal(hex(sha256.digest(publicKey)), mlDsa44.publicKeySha256)
    const witness = verifierKey(sha256, { name: mlDsa44.name, type: 6, publicKey })
    assert.equal(hexKeyId(witness.keyId), mlDsa44.keyId)
    const message = signedMessage(witness, Buffer.from(TEXT_15), seconds)
    assert.equal(hex(message), mlDsa44.message)
    const made = noteSigner(witness, (bytes) => sign(6, witnessSeed, bytes)).sign(TEXT_15, seconds)
    assert.equal(formatSignatureLine(made).length, mlDsa44.lineCharacters)
    for (const { mlDsa44: other } of everyAlgorithm) {
      const verifier = noteVerifier(witness, { ...algorithms, mlDsa44: other })
      assert.equal(verifier.timeOf(made.signature), seconds)
      assert.ok(verifier.verify(Buffer.from(TEXT_15), made.signature))
      assert.ok(!verifier.verify(Buffer.from(TEXT_15), made.signature.with(3, 1)))
      assert.ok(!verifier.verify(Buffer.from(TEXT_15), made.signature.with(900, 1)))
      assert.ok(!verifier.verify(Buffer.from(TEXT_15.replace('15', '16')), made.signature))
      assert.ok(!verifier.verify(Buffer.from('not a checkpoint\n'), made.signature))
      assert.ok(!verifier.verify(Buffer.from(TEXT_15), made.signature.subarray(0, 7)))
    }
  })

  test(`${name}: a log that signs with two keys is opened with both, not with one`, () => {
    const pqSeed = new Uint8Array(32).fill(9)
    const pqKey = verifierKey(sha256, { name: ORIGIN, type: 6, publicKey: publicKeyOf(6, pqSeed) })
    const pqSigner = noteSigner(pqKey, (message) => sign(6, pqSeed, message))
    const both = [log, noteVerifier(pqKey, algorithms)]
    const lines = [signer.sign(TEXT_15), pqSigner.sign(TEXT_15, 1_700_000_000)]
    const note = formatNote({ text: TEXT_15, signatures: lines })
    assert.equal(openCheckpoint(note, { log: both }).signatures.length, 2)
    const half = formatNote({ text: TEXT_15, signatures: lines.slice(0, 1) })
    assert.throws(() => openCheckpoint(half, { log: both }), codeIs('TLOG_SIGNATURE_MISSING'))
    const witness = parseVerifierKey(sha256, cosignatures.ed25519.vkey)
    const witnesses = [noteVerifier(witness, algorithms)]
    assert.equal(openCheckpoint(note, { log: both, witnesses }).signatures.length, 2)
    const cosigned = `${note}${cosignatures.ed25519.line}\n`
    assert.equal(openCheckpoint(cosigned, { log: both, witnesses }).signatures.length, 3)
    const spoilt = `${note}${cosignatures.ed25519.line.replace('SRbN', 'SRbM')}\n`
    assert.throws(
      () => openCheckpoint(spoilt, { log: both, witnesses }),
      codeIs('TLOG_SIGNATURE_INVALID'),
    )
    assert.equal(openCheckpoint(spoilt, { log: both }).signatures.length, 2) // unknown: ignored
  })

  test(`${name}: no witness alone, and no key of another name, opens a checkpoint`, () => {
    const witness = parseVerifierKey(sha256, cosignatures.ed25519.vkey)
    const witnesses = [noteVerifier(witness, algorithms)]
    const cosigned = `${TEXT_15}\n${cosignatures.ed25519.line}\n`
    assert.throws(
      () => openCheckpoint(cosigned, { log: [], witnesses }),
      codeIs('TLOG_SIGNATURE_MISSING'),
    )
    assert.throws(
      () => openCheckpoint(cosigned, { log: [log], witnesses }),
      codeIs('TLOG_SIGNATURE_MISSING'),
    )
    const other = TEXT_15.replace(ORIGIN, 'other.example')
    const elsewhere = formatNote({ text: other, signatures: [signer.sign(other)] })
    assert.throws(() => openCheckpoint(elsewhere, { log: [log] }), codeIs('TLOG_CHECKPOINT_ORIGIN'))
  })
}

const pure = everyAlgorithm[1] ?? assert.fail()

test('the deterministic ML-DSA-44 signature and its line are the published ones', () => {
  const { mlDsa44, seconds } = cosignatures
  const seed = Buffer.from(mlDsa44.seed, 'hex')
  const publicKey = pure.publicKeyOf(6, seed)
  const witness = verifierKey(pure.sha256, { name: mlDsa44.name, type: 6, publicKey })
  const made = noteSigner(witness, (bytes) => pure.sign(6, seed, bytes)).sign(TEXT_15, seconds)
  assert.equal(hex(pure.sha256.digest(made.signature.subarray(8))), mlDsa44.signatureSha256)
  const line = formatSignatureLine(made)
  assert.equal(line.length, mlDsa44.lineCharacters)
  assert.equal(hex(pure.sha256.digest(Buffer.from(line))), mlDsa44.lineSha256)
})

test('a statement about a range that does not begin at 0 has no time', () => {
  const end = treeSize(8)
  const about = { cosigner: 'w', origin: 'o', start: leafIndex(4), end, root: new Uint8Array(32) }
  assert.equal(subtreeMessage({ ...about, seconds: 0 }).length, 12 + 2 + 8 + 2 + 8 + 8 + 32)
  assert.throws(() => subtreeMessage({ ...about, seconds: 1 }), codeIs('TLOG_SIGNATURE_TIME'))
  const noTime = { ...about, start: leafIndex(0) }
  assert.throws(() => subtreeMessage({ ...noTime, seconds: 0.5 }), codeIs('TLOG_SIGNATURE_TIME'))
  assert.throws(() => cosignatureMessage(Buffer.from('x'), -1), codeIs('TLOG_SIGNATURE_TIME'))
  const long = { ...noTime, seconds: 1, origin: 'x'.repeat(256) }
  assert.throws(() => subtreeMessage(long), codeIs('TLOG_KEY_NAME'))
})

const ROOT = tessera.roots[15] ?? ''

for (const [what, text, code] of [
  ['an extension line', `${TEXT_15}extension\n`, 'TLOG_CHECKPOINT_EXTENSION'],
  ['an empty extension line', `${TEXT_15}\n`, 'TLOG_CHECKPOINT_EXTENSION'],
  ['no last newline', TEXT_15.slice(0, -1), 'TLOG_CHECKPOINT_FORMAT'],
  ['two lines', `${ORIGIN}\n15\n`, 'TLOG_CHECKPOINT_FORMAT'],
  ['one line', `${ORIGIN}\n`, 'TLOG_CHECKPOINT_FORMAT'],
  ['no origin', `\n15\n${ROOT}\n`, 'TLOG_CHECKPOINT_FORMAT'],
  ['a leading zero', `${ORIGIN}\n015\n${ROOT}\n`, 'TLOG_DECIMAL'],
  ['a sign', `${ORIGIN}\n+15\n${ROOT}\n`, 'TLOG_DECIMAL'],
  ['a space', `${ORIGIN}\n15 \n${ROOT}\n`, 'TLOG_DECIMAL'],
  ['other digits', `${ORIGIN}\n\u0661\u0665\n${ROOT}\n`, 'TLOG_DECIMAL'],
  ['an exponent', `${ORIGIN}\n1e1\n${ROOT}\n`, 'TLOG_DECIMAL'],
  ['2^53', `${ORIGIN}\n9007199254740992\n${ROOT}\n`, 'TLOG_DECIMAL'],
  ['a size beyond 2^63', `${ORIGIN}\n99999999999999999999\n${ROOT}\n`, 'TLOG_DECIMAL'],
  ['a short root', `${ORIGIN}\n15\nrKbDipCvhuX1GZ7g5BBe8sA6BbJ7ja/1nk427v38\n`, 'TLOG_HASH_LENGTH'],
  ['pad bits in its root', `${ORIGIN}\n15\n${ROOT.replace('s=', 't=')}\n`, 'TLOG_BASE64'],
  ['no padding', `${ORIGIN}\n15\n${ROOT.replace('=', '')}\n`, 'TLOG_BASE64'],
  ['size 0 and another root', `${ORIGIN}\n0\n${ROOT}\n`, 'TLOG_CHECKPOINT_ROOT'],
] as const) {
  test(`a checkpoint with ${what} is refused: ${code}`, () => {
    assert.throws(() => parseCheckpoint(text), codeIs(code))
  })
}

test('what could not be read is not written', () => {
  const checkpoint = { origin: ORIGIN, size: treeSize(15), root: decodeBase64(ROOT) }
  for (const [part, code] of [
    [{ origin: '' }, 'TLOG_CHECKPOINT_FORMAT'],
    [{ origin: 'a\nb' }, 'TLOG_CHECKPOINT_FORMAT'],
    [{ size: treeSize(0) }, 'TLOG_CHECKPOINT_ROOT'],
    [{ root: new Uint8Array(20) }, 'TLOG_HASH_LENGTH'],
  ] as const) {
    assert.throws(() => formatCheckpoint({ ...checkpoint, ...part }), codeIs(code))
  }
})

function checkpointText(size: number, root: string): string {
  return `${ORIGIN}\n${size}\n${root}\n`
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}

function codeIs(code: string): (error: unknown) => boolean {
  return (error) => error instanceof TlogError && error.code === code
}
