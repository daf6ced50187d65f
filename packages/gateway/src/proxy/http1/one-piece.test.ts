import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { test } from 'node:test'
import { OnePiece } from './one-piece.ts'

const BODY_BYTES = 8192

/** The end of a connection that writes, and the one that reads, at first nothing. */
async function pair(): Promise<{ readonly near: Socket; readonly far: Socket }> {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const far = connect((server.address() as AddressInfo).port, '127.0.0.1')
  far.pause()
  const [near] = (await once(server, 'connection')) as [Socket]
  server.close()
  return { near, far }
}

function pieceOf(letter: string) {
  return { before: `<${letter}`, bytes: Buffer.alloc(BODY_BYTES, letter), after: '>' }
}

async function readAll(socket: Socket): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of socket) chunks.push(chunk)
  return Buffer.concat(chunks).toString('latin1')
}

test('what a client has not taken stays as it is while others are written to', async () => {
  const onePiece = new OnePiece()
  const [slow, other] = await Promise.all([pair(), pair()])
  let sent = 0
  while (slow.near.writableLength === 0) {
    onePiece.write(slow.near, pieceOf('a'))
    sent += 1
  }
  for (let at = 0; at < 8; at += 1) onePiece.write(other.near, pieceOf('b'))
  slow.near.end()
  other.near.end()
  const [one, two] = await Promise.all([readAll(slow.far), readAll(other.far)])
  assert.ok(one === `<a${'a'.repeat(BODY_BYTES)}>`.repeat(sent), 'the slow one has its own bytes')
  assert.ok(two === `<b${'b'.repeat(BODY_BYTES)}>`.repeat(8), 'the other one too')
})

test('what has no room is left to whoever writes it otherwise', async () => {
  const { near, far } = await pair()
  const piece = { ...pieceOf('a'), before: 'x'.repeat(16_384) }
  assert.equal(new OnePiece().write(near, piece), undefined)
  near.end()
  assert.equal(await readAll(far), '')
})
