import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ReceiptAnswer, ReceiptRequest } from '../recorder/index.ts'
import { wellKnown } from './well-known.ts'

const PREFIX = 'http://localhost/.well-known/countersign'
const OPEN = 'n7x3o3WDloytDn9r9sgfbw=='

async function ask(
  path: string,
  answer: ReceiptAnswer,
  authorization?: string,
): Promise<{ readonly response: Response; readonly asked: readonly ReceiptRequest[] }> {
  const asked: ReceiptRequest[] = []
  const receipts = {
    answer: async (request: ReceiptRequest) => {
      asked.push(request)
      return answer
    },
    late: async () => answer,
  }
  const handle = wellKnown(receipts, '{"keys":[]}')
  const headers = authorization === undefined ? undefined : { authorization }
  return { response: await handle(new Request(PREFIX + path, headers && { headers })), asked }
}

for (const [kind, answer, status, type] of [
  ['missing', { kind: 'missing' }, 404, 'application/problem+json'],
  ['refused', { kind: 'refused' }, 401, 'application/problem+json'],
  ['pending', { kind: 'pending', retryAfterSeconds: 1 }, 202, null],
  ['proof', { kind: 'proof', proof: 'proof' }, 200, 'text/plain; charset=utf-8'],
  ['opened', { kind: 'opened', records: [] }, 200, 'application/json'],
] as const) {
  test(`a receipt that is ${kind} is ${status}, and no cache keeps it`, async () => {
    const { response, asked } = await ask('/receipts/1/41', answer)
    assert.equal(response.status, status)
    assert.equal(response.headers.get('content-type'), type)
    assert.match(response.headers.get('cache-control') ?? '', /no-store/)
    assert.equal(response.headers.get('retry-after'), status === 202 ? '1' : null)
    assert.deepEqual(asked, [{ epoch: 1, index: 41, open: undefined }])
  })
}

test('a receipt that comes late is a header and a text, and no cache keeps it', async () => {
  const path = '/receipts/pending/019aa577-85a8-71f7-bfff-ffffffffffff'
  const { response, asked } = await ask(path, { kind: 'receipt', receipt: '"o"; epoch=1' })
  assert.deepEqual([response.status, asked], [200, []])
  assert.equal(response.headers.get('countersign-receipt'), '"o"; epoch=1')
  assert.match(response.headers.get('cache-control') ?? '', /no-store/)
  assert.deepEqual(await response.json(), { receipt: '"o"; epoch=1' })
  const missing = await ask('/receipts/pending/019aa577', { kind: 'receipt', receipt: '' })
  assert.equal(missing.response.status, 404)
})

for (const path of [
  '/receipts/0/1',
  '/receipts/1/01',
  '/receipts/1/',
  '/receipts/1/1/',
  '/other',
]) {
  test(`${path} is no receipt: 404, and nobody is asked`, async () => {
    const { response, asked } = await ask(path, { kind: 'proof', proof: 'proof' })
    assert.equal(response.status, 404)
    assert.deepEqual(asked, [])
  })
}

for (const [name, authorization, want] of [
  ['as in the authorization scheme', `Countersign-Receipt ${OPEN}`, 'opens'],
  ['as it stands in the receipt', `countersign-receipt :${OPEN}:`, 'opens'],
  ['of another scheme', 'Bearer cs_abcdefgh_secret', 'is not ours'],
  ['that is not canonical base64', 'Countersign-Receipt n7x3o3WDloytDn9r9sgfbx==', 'is refused'],
  ['without a value', 'Countersign-Receipt', 'is refused'],
] as const) {
  test(`a credential ${name} ${want}`, async () => {
    const { response, asked } = await ask('/receipts/1/41', { kind: 'missing' }, authorization)
    if (want === 'is refused') {
      assert.equal(response.status, 401)
      assert.deepEqual(asked, [])
      return
    }
    const open = asked[0]?.open
    const shown = open === undefined ? undefined : Buffer.from(open).toString('base64')
    assert.equal(shown, want === 'opens' ? OPEN : undefined)
  })
}

test('a reason code is explained, an unknown one is not', async () => {
  const { response } = await ask('/reasons/no-policy-permits', { kind: 'missing' })
  assert.deepEqual(await response.json(), {
    reason: 'no-policy-permits',
    status: 403,
    meaning: 'No policy permits the request.',
    advice: 'Ask for a policy that permits it.',
  })
  assert.equal((await ask('/reasons/toString', { kind: 'missing' })).response.status, 404)
})

test('the keys of statements are there for anybody', async () => {
  const { response } = await ask('/jwks.json', { kind: 'missing' })
  assert.equal(response.status, 200)
  assert.equal(response.headers.get('content-type'), 'application/jwk-set+json')
  assert.deepEqual(await response.json(), { keys: [] })
})
