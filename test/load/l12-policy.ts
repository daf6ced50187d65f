// L12: what is permitted changes while streams are open and requests are under way. Streams that
// are permitted no more end, others go on, and each request was judged by one set of policies.
import assert from 'node:assert/strict'
import type { ClientRequest } from 'node:http'
import { waitFor } from '../demo-process.ts'
import { callAll, send } from './callers.ts'
import type { LoadCase } from './case.ts'
import { assertIdentity, sayIdentity } from './identity.ts'
import { PERMIT_ALL, Rig } from './rig.ts'

const CALLERS = 4
const STREAMS = 10
const CHANGES_MIN = 2
const NOT_BEN = 'permit (principal == User::"ada", action, resource);\n'

/** A stream of events and what has come of it. */
interface Stream {
  readonly sent: ClientRequest
  events: number
  isOver: boolean
}

export const policyMidStream: LoadCase = async ({ minutes, say }) => {
  const rig = await Rig.open()
  try {
    const untilMs = performance.now() + minutes * 60_000
    let isOver = false
    const { ada, ben } = rig.tokens
    const calling = callAll({
      port: rig.port,
      callers: CALLERS,
      ask: (nth) => ({ path: `/orders/${nth}`, token: nth % 2 === 0 ? ada : ben }),
      until: () => isOver,
      pauseMs: 3,
    })
    const adas = await openAll(rig, ada)
    const endedMs: number[] = []
    for (let change = 0; change < CHANGES_MIN || performance.now() < untilMs; change += 1) {
      endedMs.push(await changeOnce(rig, adas, ben))
    }
    isOver = true
    const tally = await calling
    const known = new Set(['200', '403 no-policy-permits'])
    const other = [...tally.answers.keys()].filter((answer) => !known.has(answer))
    assert.deepEqual(other, [], 'one set of policies or the other')
    for (const { sent } of adas) sent.destroy()
    const worst = Math.round(Math.max(...endedMs))
    say(`L12 ${endedMs.length} changes: ${STREAMS} streams each ended within ${worst} ms`)
    say(`L12 ${tally.text}`)
    say(`L12 ${sayIdentity(await assertIdentity(rig))}`)
  } finally {
    await rig.close()
  }
}

/** Takes ben's permission and gives it back. Says how long his last stream went on. */
async function changeOnce(rig: Rig, adas: readonly Stream[], ben: string): Promise<number> {
  const bens = await openAll(rig, ben)
  const begun = performance.now()
  await reload(rig, NOT_BEN)
  await waitFor(() => bens.every(({ isOver }) => isOver))
  assert.equal(await statusOf(rig, ben), 403, 'he is not let in any more')
  const tookMs = performance.now() - begun
  const before = adas.map(({ events }) => events)
  await waitFor(() => adas.every(({ events }, at) => events > (before[at] ?? 0)))
  assert.ok(
    adas.every(({ isOver }) => !isOver),
    'streams that are permitted go on',
  )
  await reload(rig, PERMIT_ALL)
  return tookMs
}

async function statusOf(rig: Rig, token: string): Promise<number> {
  const headers = { authorization: `Bearer ${token}` }
  const response = await fetch(`${rig.life.url}/orders/1`, { headers })
  await response.arrayBuffer()
  return response.status
}

async function reload(rig: Rig, policy: string): Promise<void> {
  rig.writePolicy(policy)
  const response = await rig.admin('POST', '/api/reload')
  assert.equal(response.status, 200, await response.text())
}

async function openAll(rig: Rig, token: string): Promise<readonly Stream[]> {
  const streams = Array.from({ length: STREAMS }, (): Stream => {
    const sent = send(rig.port, { path: '/events', token })
    const stream = { sent, events: 0, isOver: false }
    const end = (): void => {
      stream.isOver = true
    }
    sent.on('error', end)
    sent.on('response', (response) => {
      response.on('data', () => {
        stream.events += 1
      })
      response.on('close', end).on('error', end)
    })
    sent.end()
    return stream
  })
  await waitFor(() => streams.every(({ events }) => events > 0))
  return streams
}
