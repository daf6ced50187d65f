// Records of how far an exchange has come, as an auditor reads them: packed, and written ahead.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  chainMessage,
  MESSAGE_CHAIN_START,
  type MessageCounts,
  type Progress,
} from '@countersign/evidence'
import { nodeSha256 } from '../../packages/gateway/src/platform/index.ts'
import type { IntentDraft } from '../../packages/gateway/src/recorder/index.ts'
import { type Report, verifyDirectory } from '../../packages/gateway/src/verify/index.ts'
import { DATA, MadeLedger } from '../tamper/made-ledger.ts'

const ASKED: IntentDraft = {
  who: { principal: { id: 'ada', kind: 'user', issuer: 'keys' } },
  where: { address: '192.0.2.7', port: 50_000 },
  what: { method: 'GET', scheme: 'http', authority: 'localhost:8080', path: '/events' },
  why: { verdict: 'allow', reason: 'policy-permits', policies: ['events'] },
}
const FEW = 4
const DIGEST = 'd'.repeat(64)

function far(bytes: number, messages: number): Progress {
  return {
    request: { bytes: 0, sha256: 'e'.repeat(64) },
    response: { bytes, sha256: 'a'.repeat(64) },
    messages: { request: 0, response: messages },
  }
}

/** Exchanges that say twice how far they have come, and then how many bytes it were. */
async function audited(
  bytes: number,
  { isPacked, isPersonal }: { readonly isPacked: boolean; readonly isPersonal: boolean },
): Promise<Report> {
  const ledger = new MadeLedger(7, isPacked ? { segmentEntriesMax: 8 } : {})
  const recorder = await ledger.start()
  for (let done = 0; done < FEW; done += 1) {
    const intent = await recorder.intent({ ...ASKED, personal: isPersonal ? ['how'] : [] })
    await recorder.progress(intent, far(5, 1))
    await recorder.progress(intent, far(9, 2))
    const how = { ended: 'released', status: 200, source: 'upstream', ...far(bytes, 2) } as const
    await recorder.outcome(intent, { via: { upstream: 'events', attempts: 1 }, how })
  }
  await ledger.publish()
  await ledger.stop(recorder)
  if (isPacked) await ledger.stop(await ledger.start())
  const files = await ledger.files()
  return verifyDirectory({ disk: files.disk(), directory: DATA })
}

for (const isPacked of [false, true]) {
  for (const isPersonal of [false, true]) {
    const where = `${isPacked ? 'packed' : 'written ahead'}${isPersonal ? ', under her key' : ''}`
    test(`${where}: what grows holds`, async () => {
      const report = await audited(9, { isPacked, isPersonal })
      assert.deepEqual([report.exit, report.bad], [0, []])
    })
    test(`${where}: an outcome of less than a progress before it is named`, async () => {
      const report = await audited(8, { isPacked, isPersonal })
      assert.equal(report.exit, 1)
      assert.equal(report.bad.length, FEW)
      assert.match(report.bad[0]?.why ?? '', /progress: 8 response bytes, and a progress before it/)
    })
  }
}

/** One message of the client; what it is said to chain to may be wrong. */
function digested(chain: string): MessageCounts {
  const [request, response] = [
    { first: 1, listed: [DIGEST], chain },
    { first: 1, listed: [], chain: MESSAGE_CHAIN_START },
  ]
  return { request: 1, response: 0, digests: { request, response } }
}

/** Exchanges that end with digests of messages, and no progress before. */
async function auditedDigests(
  messages: MessageCounts,
  { isPacked, isPersonal }: { readonly isPacked: boolean; readonly isPersonal: boolean },
): Promise<Report> {
  const ledger = new MadeLedger(8, isPacked ? { segmentEntriesMax: 8 } : {})
  const recorder = await ledger.start()
  for (let done = 0; done < FEW; done += 1) {
    const intent = await recorder.intent({ ...ASKED, personal: isPersonal ? ['how'] : [] })
    const how = { ended: 'released', status: 101, source: 'upstream', messages } as const
    await recorder.outcome(intent, { via: { upstream: 'events', attempts: 1 }, how })
  }
  await ledger.publish()
  await ledger.stop(recorder)
  if (isPacked) await ledger.stop(await ledger.start())
  return verifyDirectory({ disk: (await ledger.files()).disk(), directory: DATA })
}

for (const isPacked of [false, true]) {
  for (const isPersonal of [false, true]) {
    const where = `${isPacked ? 'packed' : 'written ahead'}${isPersonal ? ', under her key' : ''}`
    test(`${where}: digests of messages that do not chain are named`, async () => {
      const how = { isPacked, isPersonal }
      const chain = chainMessage(nodeSha256, MESSAGE_CHAIN_START, DIGEST)
      const honest = await auditedDigests(digested(chain), how)
      assert.deepEqual([honest.exit, honest.bad], [0, []])
      const report = await auditedDigests(digested('c'.repeat(64)), how)
      assert.equal(report.exit, 1)
      assert.equal(report.bad.length, FEW)
      assert.match(report.bad[0]?.why ?? '', /request messages: those that are listed do not lead/)
    })
  }
}
