import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  formatNote,
  formatVerifierKey,
  noteSigner,
  parseNote,
  SIGNATURE_TYPES,
  verifierKey,
} from '@countersign/tlog'
import { ed25519, nodeSha256 } from '../../packages/gateway/src/platform/index.ts'
import { type Report, verifyDirectory } from '../../packages/gateway/src/verify/index.ts'
import { FileMap } from '../tamper/file-map.ts'
import { LogKeys, makeLog, someEntries, text } from '../tamper/made-log.ts'

const keys = new LogKeys('log.example/1/q7x', 7)
const files = makeLog(keys, someEntries(5))
const note = parseNote(files.get('checkpoint') ?? '')

function witness(number: number) {
  const signer = ed25519.signer(new Uint8Array(32).fill(100 + number))
  const key = verifierKey(nodeSha256, {
    name: `w${number}.example`,
    type: SIGNATURE_TYPES.cosignature,
    publicKey: signer.publicKey,
  })
  const vkey = formatVerifierKey(nodeSha256, key)
  return {
    vkey,
    line: noteSigner(key, (message) => signer.sign(message)).sign(note.text, 1_800_000),
  }
}

const [one, two, three] = [witness(1), witness(2), witness(3)]
const broken = {
  ...two.line,
  signature: two.line.signature.map((byte, at) => byte ^ (at === 9 ? 1 : 0)),
}

/** The log with these cosignatures on its checkpoint. */
function cosigned(...lines: readonly (typeof one.line)[]): FileMap {
  const bytes = text(formatNote({ text: note.text, signatures: [...note.signatures, ...lines] }))
  const entries = [...files, ['checkpoint', bytes] as const]
  return new FileMap(new Map(entries.map(([path, of]) => [`log/${path}`, of])))
}

function audit(log: FileMap, policy: string): Promise<Report> {
  return verifyDirectory({ disk: log.disk(), directory: 'log', policy })
}

const LOG = `log ${keys.vkeys[0]} https://log.example/\n`
const WITNESSES = `witness a ${one.vkey}\nwitness b ${two.vkey} https://b/\nwitness c ${three.vkey}\n`
const TWO_OF_THREE = `# ours\n${LOG}${WITNESSES}group g 2 a b c\nquorum g\n`

for (const [name, log, policy, exit] of [
  ['no witness asked for', cosigned(), `${LOG}quorum none\n`, 0],
  ['two of three there', cosigned(one.line, three.line), TWO_OF_THREE, 0],
  ['one of three there', cosigned(one.line), TWO_OF_THREE, 1],
  ['a bad one beside two good ones', cosigned(one.line, broken, three.line), TWO_OF_THREE, 1],
  ['one witness twice', cosigned(one.line, one.line), TWO_OF_THREE, 1],
  ['any', cosigned(two.line), `${LOG}${WITNESSES}group g any a b\nquorum g\n`, 0],
  ['all', cosigned(two.line), `${LOG}${WITNESSES}group g all a b\nquorum g\n`, 1],
  ['a single witness', cosigned(one.line), `${LOG}${WITNESSES}quorum a\n`, 0],
  ['another log', cosigned(), `log ${new LogKeys(keys.origin, 50).vkeys[0]}\nquorum none\n`, 1],
  ['no quorum', cosigned(), LOG, 2],
  ['two quorums', cosigned(), `${LOG}quorum none\nquorum none\n`, 2],
  ['a name before its definition', cosigned(), `${LOG}quorum a\n`, 2],
  ['more than there are', cosigned(), `${LOG}${WITNESSES}group g 4 a b c\nquorum g\n`, 2],
  ['a witness in two groups', cosigned(), `${LOG}${WITNESSES}group g any a\ngroup h any a\n`, 2],
  ['a word that nobody knows', cosigned(), `${LOG}tree a\n`, 2],
] as const) {
  test(`policy, ${name}: ${exit}`, async () => {
    const report = await audit(log, policy)
    assert.equal(report.exit, exit, JSON.stringify([report.bad, report.notChecked]))
    if (exit !== 2) assert.equal(report.anchor, 'policy given')
  })
}
