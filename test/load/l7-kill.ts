// L7: the process is killed under load, again and again, and started anew. What was acknowledged
// is there, and every intent has its end.
import { setTimeout as sleep } from 'node:timers/promises'
import { callAll } from './callers.ts'
import type { LoadCase } from './case.ts'
import { assertIdentity, sayIdentity } from './identity.ts'
import { Rig } from './rig.ts'

const CALLERS = 16
const KILLS_MIN = 2
const LIFE_MS = 1_200

export const kill: LoadCase = async ({ minutes, say }) => {
  const rig = await Rig.open()
  try {
    let isOver = false
    const { ada: token } = rig.tokens
    const calling = callAll({
      port: rig.port,
      callers: CALLERS,
      ask: (nth) => ({ path: `/orders/${nth}`, token }),
      until: () => isOver,
      keepReceipts: true,
    })
    const untilMs = performance.now() + minutes * 60_000
    const startedMs: number[] = []
    for (let kills = 0; kills < KILLS_MIN || performance.now() < untilMs; kills += 1) {
      // Another moment of the life each time.
      await sleep(LIFE_MS / 2 + ((kills * 379) % LIFE_MS))
      await rig.stop('SIGKILL')
      const begun = performance.now()
      await rig.start()
      startedMs.push(performance.now() - begun)
    }
    await sleep(LIFE_MS)
    isOver = true
    const tally = await calling
    const worst = Math.round(Math.max(...startedMs))
    say(`L7 killed ${startedMs.length} times: ${tally.text}; started again in at most ${worst} ms`)
    const identity = await assertIdentity(rig, { receipts: tally.receipts })
    say(`L7 ${sayIdentity(identity)}; ${tally.receipts.count} receipts hold`)
  } finally {
    await rig.close()
  }
}
