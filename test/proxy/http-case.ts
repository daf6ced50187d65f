// What every table of HTTP cases does with its rows: a row is a request and its one answer.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TestGateway } from './gateway.ts'
import { readAnswer, sendRaw } from './raw-client.ts'
import type { UpstreamProcess } from './upstream.ts'

/** `KEY` stands for Ada's credentials. */
export type Refused = readonly [name: string, request: string, want: string]

export interface Stage {
  readonly gateway: () => TestGateway
  readonly upstream: () => UpstreamProcess
}

export function withKey(request: string, { keys }: TestGateway): string {
  return request.replaceAll('KEY', `Authorization: Bearer ${keys.ada}\r\n`)
}

/** Each row is refused as it says: on record, with a receipt, and nothing of it goes upstream. */
export function refusedRows({ gateway, upstream }: Stage, rows: readonly Refused[]): void {
  for (const [name, request, want] of rows) {
    test(`${name}: ${want}`, async () => {
      const count = (await upstream().received()).count
      const answer = readAnswer(await sendRaw(gateway().port, withKey(request, gateway())))
      const { reason, requestId } = JSON.parse(answer.body || '{}') as Record<string, string>
      assert.equal(`${answer.status} ${reason}`, want)
      assert.equal((await upstream().received()).count, count, 'nothing went upstream')
      const refusal = (await gateway().exchanges()).find(({ when }) => when.exchange === requestId)
      assert.equal(refusal?.kind, 'refusal')
      assert.equal(`${refusal?.how.status} ${refusal?.why.reason}`, want)
      assert.ok(answer.headers['countersign-receipt'], 'a receipt of the refusal')
    })
  }
}

/** Each row is a body that turns out to be none: the upstream never has it whole. */
export function brokenBodies(
  { gateway, upstream }: Stage,
  rows: readonly (readonly [name: string, body: string, want?: string])[],
): void {
  for (const [name, body, want = '400 malformed-framing'] of rows) {
    test(`${name}: ${want}, and the upstream has no whole request`, async () => {
      const aborted = (await upstream().received()).aborted
      const head = `POST /echo HTTP/1.1\r\nHost: x\r\nKEYTransfer-Encoding: chunked\r\n\r\n`
      const sent = withKey(head, gateway())
      const answer = readAnswer(await sendRaw(gateway().port, sent, { parts: [body] }))
      const outcome = (await gateway().exchanges()).findLast(({ kind }) => kind === 'outcome')
      assert.equal(`${answer.status} ${JSON.parse(answer.body || '{}').reason}`, want)
      assert.equal(`${outcome?.how.status} ${outcome?.how.error}`, want)
      assert.equal(answer.headers.connection, 'close')
      const after = await upstream().received()
      assert.ok(after.aborted <= aborted + 1)
    })
  }
}
