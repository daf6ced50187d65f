// L8: a line that loses one piece in ten, carries a megabit, and breaks: to the clients, and to
// the upstream. Nobody is served less than whole, and every request has its records.
import assert from 'node:assert/strict'
import { callAll } from './callers.ts'
import type { LoadCase } from './case.ts'
import { assertIdentity, sayIdentity } from './identity.ts'
import { LossyLink } from './lossy-link.ts'
import { Rig } from './rig.ts'

const CALLERS = 24
const MEGABIT = 1_000_000
const FAULTS = { lossPercent: 10, resendMs: 200, bitsPerSecond: MEGABIT, breaksPerThousand: 3 }

export const lossy: LoadCase = async ({ minutes, say }) => {
  const behind: LossyLink[] = []
  const rig = await Rig.open({
    upstreamPort: async (upstream) => {
      const link = await LossyLink.open(upstream.port, FAULTS)
      behind.push(link)
      return link.port
    },
  })
  const before = await LossyLink.open(rig.port, FAULTS)
  try {
    const untilMs = performance.now() + minutes * 60_000
    const { ada: token } = rig.tokens
    const body = new Uint8Array(3_000).fill(66)
    const tally = await callAll({
      port: before.port,
      callers: CALLERS,
      ask: (nth) => {
        return nth % 3 === 0
          ? { method: 'POST', path: '/orders', token, body }
          : { path: `/orders/${nth}`, token }
      },
      until: () => performance.now() > untilMs,
      timeoutMs: 60_000,
      keepReceipts: true,
    })
    const perSecond = Math.round(tally.total / (minutes * 60))
    for (const [name, link] of [
      ['clients', before],
      ...behind.map((each) => ['upstream', each] as const),
    ] as const) {
      say(`L8 line to the ${name}: ${link.pieces} pieces, ${link.lost} late, ${link.broken} breaks`)
    }
    say(`L8 ${perSecond}/s: ${tally.text}`)
    say(`L8 p50 ${tally.percentileMs(50)} ms, p99 ${tally.percentileMs(99)} ms`)
    assert.ok((tally.answers.get('200') ?? 0) > 0, 'some are served on any line')
    const identity = await assertIdentity(rig, { receipts: tally.receipts })
    say(`L8 ${sayIdentity(identity)}; ${tally.receipts.count} receipts hold`)
  } finally {
    await before.close()
    for (const link of behind) await link.close()
    await rig.close()
  }
}
