import assert from 'node:assert/strict'
import { test } from 'node:test'
import { closeFrame, FrameReader, type FrameRules } from './frame-reader.ts'

const SERVER: FrameRules = { isMasked: false, messageBytesMax: 1000, mayCompress: false }
const CLIENT: FrameRules = { ...SERVER, isMasked: true }
const MASK = '01020304'

function close(code: number, reason = ''): string {
  return Buffer.from(closeFrame(code, reason, undefined)).toString('hex')
}

/** What becomes of bytes in hexadecimal, in one piece and byte by byte. */
function read(rules: FrameRules, hex: string): string {
  const bytes = Buffer.from(hex.replaceAll(' ', ''), 'hex')
  const whole = tell(rules, [bytes])
  const pieces = tell(
    rules,
    [...bytes].map((byte) => Buffer.of(byte)),
  )
  assert.equal(pieces, whole, 'the same byte by byte')
  return whole
}

function tell(rules: FrameRules, chunks: readonly Buffer[]): string {
  const reader = new FrameReader(rules)
  const passed: Buffer[] = []
  for (const chunk of chunks) {
    const { pass, fault } = reader.read(chunk)
    passed.push(Buffer.from(pass))
    if (fault !== undefined) return `${fault.code}`
  }
  const closed = reader.closeCode === undefined ? '' : ` closed ${reader.closeCode}`
  return `${Buffer.concat(passed).toString('hex')} ${reader.messages}${closed}`
}

for (const [rules, bytes, want, name] of [
  [SERVER, '8101 61', '810161 1', 'a text'],
  [SERVER, '8200', '8200 1', 'an empty message'],
  [SERVER, '0101 61 8001 62', '010161800162 1', 'a message in two frames'],
  [SERVER, '0101 61 8900 8001 62', '0101618900800162 1', 'a ping inside a message'],
  [SERVER, '0100 0000 8000', '010000008000 1', 'empty frames of one message'],
  [SERVER, `827e0080${'00'.repeat(128)}`, `827e0080${'00'.repeat(128)} 1`, 'a length of 16 bits'],
  [SERVER, close(1000), `${close(1000)} 0 closed 1000`, 'a close'],
  [SERVER, close(4999, 'µ'), `${close(4999, 'µ')} 0 closed 4999`, 'a close with a reason'],
  [SERVER, '8800', '8800 0 closed 1005', 'a close without a code'],
  [SERVER, `${close(1000)} 8101 61`, `${close(1000)} 0 closed 1000`, 'nothing after a close'],
  [SERVER, '8a03 616263', '8a03616263 0', 'a pong nobody asked for'],
  [CLIENT, `8181 ${MASK} 60`, `8181${MASK}60 1`, 'a masked text'],
  [CLIENT, `8882 ${MASK} 02ea`, `8882${MASK}02ea 0 closed 1000`, 'a masked close'],
  [{ ...SERVER, mayCompress: true }, 'c101 61', 'c10161 1', 'a compressed message'],
  [SERVER, '8102 61', '810261 0', 'a payload goes on as it comes'],
  [SERVER, '8902 61', ' 0', 'a control frame waits until it is whole'],
  [SERVER, '827e 03e8', '827e03e8 0', 'a message as large as may be'],
  [SERVER, 'c101 61', '1002', 'compression that nobody agreed on'],
  [{ ...SERVER, mayCompress: true }, '4101 61 c001 62', '1002', 'a continuation that says it is'],
  [{ ...SERVER, mayCompress: true }, 'c900', '1002', 'a ping that says so'],
  [SERVER, 'a101 61', '1002', 'the second reserved bit'],
  [SERVER, '9101 61', '1002', 'the third reserved bit'],
  [SERVER, '8301 61', '1002', 'an opcode of messages that is not known'],
  [SERVER, '8b00', '1002', 'an opcode of control that is not known'],
  [SERVER, '8001 61', '1002', 'a continuation of nothing'],
  [SERVER, '0101 61 8101 62', '1002', 'a message inside another'],
  [SERVER, '0900', '1002', 'a ping in pieces'],
  [SERVER, '897e 007e', '1002', 'a ping that is too long'],
  [SERVER, '827e 007d', '1002', '16 bits for what 7 can say'],
  [SERVER, '827f 000000000000ffff', '1002', '64 bits for what 16 can say'],
  [SERVER, '827f 8000000000000000', '1002', 'the highest bit of a length'],
  [SERVER, '827f 7fffffffffffffff', '1009', 'a message nobody could send'],
  [SERVER, '827e 03e9', '1009', 'a message that is too large'],
  [SERVER, `027e 03e8 ${'00'.repeat(1000)} 8001`, '1009', 'a message that grows too large'],
  [SERVER, `8181 ${MASK} 60`, '1002', 'a server that masks'],
  [CLIENT, '8101 61', '1002', 'a client that does not'],
  [SERVER, '8801 03', '1002', 'half a close code'],
  [SERVER, '8802 03ed', '1002', 'close code 1005'],
  [SERVER, '8802 03ee', '1002', 'close code 1006'],
  [SERVER, '8802 03f7', '1002', 'close code 1015'],
  [SERVER, '8802 0bb7', '1002', 'close code 2999'],
  [SERVER, '8802 1388', '1002', 'close code 5000'],
  [SERVER, '8803 03e8 ff', '1002', 'a close reason that is not UTF-8'],
] as const) {
  test(`${name}: ${want.slice(0, 40)}`, () => assert.equal(read(rules, bytes), want))
}

test('a close frame of ours is one that both sides take', () => {
  const toClient = new FrameReader(SERVER)
  assert.equal(toClient.read(closeFrame(1008, 'quarantined', undefined)).fault, undefined)
  assert.equal(toClient.closeCode, 1008)
  const toServer = new FrameReader(CLIENT)
  const frame = closeFrame(1008, 'quarantined', Buffer.from(MASK, 'hex'))
  assert.equal(toServer.read(frame).closeBytes, frame.length)
  assert.equal(toServer.closeCode, 1008)
})

test('between frames there is room for another, inside one there is none', () => {
  const reader = new FrameReader(SERVER)
  for (const [hex, isAtBoundary] of [
    ['81', true],
    ['02', false],
    ['61', false],
    ['62', true],
    [close(1000), false],
  ] as const) {
    reader.read(Buffer.from(hex, 'hex'))
    assert.equal(reader.isAtBoundary, isAtBoundary, hex)
  }
})

test('whoever is told of messages gets what they contain, without masks, in frames or not', () => {
  const told: string[] = []
  let message = ''
  const sink = {
    add: (bytes: Uint8Array) => {
      message += Buffer.from(bytes).toString('latin1')
    },
    end: () => {
      told.push(message)
      message = ''
    },
  }
  const reader = new FrameReader(CLIENT, sink)
  const first = `0185 ${MASK} 69676f686e`
  const ping = `8981 ${MASK} 78`
  const last = `8083 05060708 242625`
  const empty = `8280 ${MASK}`
  const bytes = Buffer.from([first, ping, last, empty].join('').replaceAll(' ', ''), 'hex')
  reader.read(bytes)
  assert.deepEqual(told, ['hello! "', ''])
  for (const byte of bytes) reader.read(Buffer.of(byte))
  assert.deepEqual(told, ['hello! "', '', 'hello! "', ''])
})
