import assert from 'node:assert/strict'
import { test } from 'node:test'
import { everyAlgorithm } from '../test/algorithms.ts'
import notes from '../test/vectors/notes.json' with { type: 'json' }
import {
  encodeBase64,
  formatNote,
  formatSignerKey,
  formatVerifierKey,
  hexKeyId,
  keyIdOf,
  type NoteSignature,
  type NoteVerifier,
  noteSigner,
  noteVerifier,
  parseNote,
  parseSignatureLine,
  parseSignerKey,
  parseVerifierKey,
  TlogError,
  verifierKey,
  verifyNote,
} from './index.ts'

for (const algorithms of everyAlgorithm) {
  const { name, sha256, publicKeyOf, sign } = algorithms

  for (const { name: note, text, signers } of notes.notes) {
    const signed = `${text}\n${signers.map(({ line }) => `${line}\n`).join('')}`

    test(`${name}: the published note verifies: ${note}`, () => {
      const verifiers = signers.map(({ vkey }) =>
        noteVerifier(parseVerifierKey(sha256, vkey), algorithms),
      )
      const parsed = parseNote(signed)
      assert.equal(parsed.text, text)
      assert.equal(formatNote(parsed), signed)
      const verified = verifyNote(parsed, verifiers)
      assert.deepEqual(
        verified.map(({ verifier }) => verifier),
        verifiers,
      )
      assert.equal(verifiers[0]?.timeOf(verified[0]?.signature ?? assert.fail()), undefined)
      const altered = { ...parsed, text: text.replace('i', 'j') }
      assert.throws(() => verifyNote(altered, verifiers), codeIs('TLOG_SIGNATURE_INVALID'))
    })

    test(`${name}: the published lines are signed again byte by byte: ${note}`, () => {
      for (const signer of signers as readonly PublishedSigner[]) {
        if (signer.skey === undefined && signer.seed === undefined) continue
        const known = parseVerifierKey(sha256, signer.vkey)
        const seed =
          signer.skey === undefined
            ? Buffer.from(signer.seed ?? '', 'hex')
            : parseSignerKey(sha256, signer.skey, publicKeyOf).seed
        const key = verifierKey(sha256, { ...known, publicKey: publicKeyOf(known.type, seed) })
        assert.equal(formatVerifierKey(sha256, key), signer.vkey)
        const written = formatSignerKey(sha256, { ...key, seed })
        if (signer.skey !== undefined) assert.equal(written, signer.skey)
        const line = noteSigner(key, (message) => sign(key.type, seed, message)).sign(text)
        assert.deepEqual(line, parseSignatureLine(signer.line))
      }
    })
  }

  test(`${name}: published keys are read and written unchanged`, () => {
    for (const { vkey, type } of notes.verifierKeys) {
      const key = parseVerifierKey(sha256, vkey)
      assert.equal(key.type, type)
      assert.equal(hexKeyId(keyIdOf(sha256, key)), vkey.split('+')[1])
      assert.equal(formatVerifierKey(sha256, key), vkey)
    }
    for (const skey of notes.signerKeys) {
      assert.equal(formatSignerKey(sha256, parseSignerKey(sha256, skey, publicKeyOf)), skey)
    }
  })
}

const algorithms = everyAlgorithm[0] ?? assert.fail()
const { sha256, publicKeyOf, sign } = algorithms
const TEXT = 'what is signed\n'

for (const [what, key, code] of [
  [
    'a wrong key id',
    'PeterNeumann+c74f20a4+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW',
    'TLOG_KEY_ID',
  ],
  [
    'another name',
    'PeterNeumanx+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW',
    'TLOG_KEY_ID',
  ],
  [
    'upper-case hex',
    'PeterNeumann+C74F20A3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW',
    'TLOG_KEY_FORMAT',
  ],
  [
    'a newline after it',
    'PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW\n',
    'TLOG_KEY_FORMAT',
  ],
  ['no name', '+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW', 'TLOG_KEY_FORMAT'],
  [
    'white space in its name',
    'Peter Neumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW',
    'TLOG_KEY_NAME',
  ],
  ['an unknown type', 'x+c74f20a3+AhJc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW', 'TLOG_KEY_TYPE'],
  ['a key too short', 'x+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10Q=', 'TLOG_KEY_FORMAT'],
  ['pad bits', 'x+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10R=', 'TLOG_BASE64'],
  ['nothing but a name', 'PeterNeumann', 'TLOG_KEY_FORMAT'],
] as const) {
  test(`a verifier key with ${what} is refused: ${code}`, () => {
    assert.throws(() => parseVerifierKey(sha256, key), codeIs(code))
  })
}

test('a key name of 255 bytes is taken, one of 256 refused', () => {
  const key = { name: 'é'.repeat(127), type: 1, publicKey: new Uint8Array(32) } as const
  assert.equal(verifierKey(sha256, { ...key, name: `${key.name}x` }).name.length, 128)
  const longer = { ...key, name: `${key.name}xx` }
  assert.throws(() => verifierKey(sha256, longer), codeIs('TLOG_KEY_NAME'))
})

test('a signer key that does not belong to its key id is refused', () => {
  const [skey = ''] = notes.signerKeys
  const altered = skey.replace('+38581672+', '+38581673+')
  assert.throws(() => parseSignerKey(sha256, altered, publicKeyOf), codeIs('TLOG_KEY_ID'))
})

test('errors about signer keys do not tell the key', () => {
  const secret = 'AYEKFALVFGyNhPJEMzD1QIDr'
  for (const skey of [
    secret,
    `PRIVATE+KEY+x+c74f20a3+${secret}`,
    `PRIVATE+KEY+x+c74f20a3+${secret}=`,
  ]) {
    assert.throws(
      () => parseSignerKey(sha256, skey, publicKeyOf),
      (error) => error instanceof TlogError && !error.message.includes(secret.slice(0, 8)),
    )
  }
})

const signed = formatNote({ text: TEXT, signatures: [signedBy('a.example', 1)] })
const [, line = ''] = signed.split('\n\n')

for (const [what, note, code] of [
  ['no signature', `${TEXT}\n`, 'TLOG_NOTE_FORMAT'],
  ['no blank line', TEXT + line, 'TLOG_NOTE_FORMAT'],
  ['no last newline', signed.slice(0, -1), 'TLOG_NOTE_FORMAT'],
  ['a blank line at its end', `${signed}\n`, 'TLOG_NOTE_FORMAT'],
  ['no text', `\n${line}`, 'TLOG_NOTE_FORMAT'],
  ['nothing', '', 'TLOG_NOTE_FORMAT'],
  ['a carriage return', signed.replaceAll('\n', '\r\n'), 'TLOG_NOTE_FORMAT'],
  ['a tab in its text', signed.replace(' ', '\t'), 'TLOG_NOTE_FORMAT'],
  ['a hyphen for the dash', signed.replace('\u2014', '-'), 'TLOG_NOTE_FORMAT'],
  ['two spaces after the name', signed.replace('e ', 'e  '), 'TLOG_BASE64'],
  ['no name', signed.replace('a.example', ''), 'TLOG_KEY_NAME'],
  ['a plus in the name', signed.replace('a.ex', 'a+ex'), 'TLOG_KEY_NAME'],
  ['a no-break space in the name', signed.replace('a.ex', 'a\u00a0ex'), 'TLOG_KEY_NAME'],
  ['a next line in the name', signed.replace('a.ex', 'a\u0085ex'), 'TLOG_KEY_NAME'],
  ['a bell in the name', signed.replace('a.ex', 'a\u0007ex'), 'TLOG_KEY_NAME'],
  ['base64 without padding', signed.replace('=\n', '\n'), 'TLOG_BASE64'],
  ['base64 of the URL alphabet', signed.replace(/[A-Za-z]{4}=\n/, '_-_-=\n'), 'TLOG_BASE64'],
  ['a space after a signature', signed.replace('=\n', '= \n'), 'TLOG_BASE64'],
  [
    'a key id alone',
    `${TEXT}\n\u2014 a.example ${encodeBase64(new Uint8Array(4))}\n`,
    'TLOG_NOTE_FORMAT',
  ],
  ['101 signatures', `${TEXT}\n${line.repeat(101)}`, 'TLOG_NOTE_SIGNATURES_MAX'],
  ['more than 1,000,000 bytes', 'x'.repeat(1_000_000) + signed, 'TLOG_NOTE_TOO_LARGE'],
  ['a lone surrogate', `\ud800${signed}`, 'TLOG_TEXT'],
  [
    'bytes that are no UTF-8',
    Buffer.concat([Uint8Array.of(0xff), Buffer.from(signed)]),
    'TLOG_TEXT',
  ],
  [
    'an overlong newline',
    Buffer.concat([Uint8Array.of(0xc0, 0x8a), Buffer.from(signed)]),
    'TLOG_TEXT',
  ],
] as const) {
  test(`a note with ${what} is refused: ${code}`, () => {
    assert.throws(() => parseNote(note), codeIs(code))
  })
}

test('text may hold blank lines and a byte order mark, and keeps them', () => {
  const text = '\ufefffirst\n\n\nlast\n'
  const note = formatNote({ text, signatures: [signedBy('a.example', 1)] })
  assert.equal(parseNote(Buffer.from(note)).text, text)
})

test('100 signatures of 100 keys are read, and each is verified', () => {
  const names = Array.from({ length: 100 }, (_, at) => `${at}.example`)
  const signatures = names.map((name) => signedBy(name, 7))
  const verifiers = names.map((name) => verifierOf(name, 7))
  const note = parseNote(formatNote({ text: TEXT, signatures }))
  assert.equal(verifyNote(note, verifiers).length, 100)
  const all = [...signatures, signedBy('more', 7)]
  assert.throws(
    () => formatNote({ text: TEXT, signatures: all }),
    codeIs('TLOG_NOTE_SIGNATURES_MAX'),
  )
})

const good = signedBy('a.example', 1)
const bad: NoteSignature = { ...good, signature: good.signature.with(9, good.signature[9] ? 0 : 1) }
const stranger = signedBy('b.example', 2)
const short: NoteSignature = { ...good, signature: good.signature.subarray(1) }

for (const [what, signatures, want] of [
  ['a good line', [good], 1],
  ['a good line among unknown ones', [stranger, good, { ...stranger, keyId: 5 }], 1],
  ['one key twice', [good, good], 1],
  ['only unknown lines', [stranger], 'TLOG_NOTE_UNSIGNED'],
  ['the known name under another key id', [{ ...good, keyId: 5 }], 'TLOG_NOTE_UNSIGNED'],
  ['the known key id under another name', [{ ...good, name: 'c' }], 'TLOG_NOTE_UNSIGNED'],
  ['a bad line', [bad], 'TLOG_SIGNATURE_INVALID'],
  ['a bad line after a good one', [good, bad], 'TLOG_SIGNATURE_INVALID'],
  ['a bad line before a good one', [bad, good], 'TLOG_SIGNATURE_INVALID'],
  ['a short line', [short], 'TLOG_SIGNATURE_INVALID'],
] as const) {
  test(`${what}: ${want}`, () => {
    const check = (): number =>
      verifyNote({ text: TEXT, signatures }, [verifierOf('a.example', 1)]).length
    if (typeof want === 'number') assert.equal(check(), want)
    else assert.throws(check, codeIs(want))
  })
}

test('of two lines by one witness the first is returned', () => {
  const key = { ...keyOf('w.example', 3), type: 4 } as const
  const witness = noteSigner(key, (message) => sign(4, key.seed, message))
  const signatures = [witness.sign(TEXT, 5), witness.sign(TEXT, 9)]
  const verifier = noteVerifier(key, algorithms)
  const verified = verifyNote({ text: TEXT, signatures }, [verifier])
  assert.deepEqual(
    verified.map(({ signature }) => verifier.timeOf(signature)),
    [5],
  )
})

test('a signature of another length is refused before any algorithm sees it', () => {
  const credulous = { ed25519: { verify: () => true }, mlDsa44: { verify: () => true } }
  const text = Buffer.from(TEXT)
  for (const [type, length] of [
    [1, 64],
    [4, 72],
  ] as const) {
    const verifier = noteVerifier({ ...keyOf('a.example', 1), type }, credulous)
    assert.ok(verifier.verify(text, new Uint8Array(length)))
    assert.ok(!verifier.verify(text, new Uint8Array(length - 1)))
    assert.ok(!verifier.verify(text, new Uint8Array(length + 1)))
  }
})

test('two verifiers with one name and key id are refused', () => {
  const verifiers: NoteVerifier[] = [verifierOf('a.example', 1), verifierOf('a.example', 1)]
  const note = { text: TEXT, signatures: [good] }
  assert.throws(() => verifyNote(note, verifiers), codeIs('TLOG_KEY_AMBIGUOUS'))
})

interface PublishedSigner {
  readonly vkey: string
  readonly line: string
  readonly skey?: string
  readonly seed?: string
}

function keyOf(name: string, seedByte: number) {
  const seed = new Uint8Array(32).fill(seedByte)
  return { seed, ...verifierKey(sha256, { name, type: 1, publicKey: publicKeyOf(1, seed) }) }
}

function signedBy(name: string, seedByte: number): NoteSignature {
  const key = keyOf(name, seedByte)
  return noteSigner(key, (message) => sign(1, key.seed, message)).sign(TEXT)
}

function verifierOf(name: string, seedByte: number): NoteVerifier {
  return noteVerifier(keyOf(name, seedByte), algorithms)
}

function codeIs(code: string): (error: unknown) => boolean {
  return (error) => error instanceof TlogError && error.code === code
}
