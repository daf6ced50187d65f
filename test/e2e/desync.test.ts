// Nothing is read in two ways: what was judged and recorded of each request is what the upstream
// parsed, byte for byte, whatever was sent before and after it on the connection.
// SEED=… NTH=… node --test test/e2e/desync.test.ts replays one connection.
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { need } from '../needs.ts'
import { runCampaign, seeded } from './desync/campaign.ts'
import { EVERY_PIECE, planOfPiece } from './desync/every-piece.ts'
import { planOf } from './desync/grammar.ts'

const SEED = Number(process.env.SEED ?? 20_261_121)
const NTH = process.env.NTH === undefined ? undefined : Number(process.env.NTH)
const REQUESTS = Number(process.env.REQUESTS ?? (NTH === undefined ? 100_000 : 1))
const FINDINGS_SHOWN = 12
const NOBODY = { ada: 'ADA', ben: 'BEN' }

const skip =
  need('nginx with its echo module', {
    command: 'nginx',
    file: '/usr/lib/nginx/modules/ngx_http_echo_module.so',
    install: 'apt-get install nginx-light',
  }) || need('Python', { command: 'python3', install: 'apt-get install python3' })

test('each case that is known, by itself, before each upstream: nothing is read in two ways', {
  skip: skip || (NTH === undefined ? false : 'one connection is replayed'),
  timeout: 300_000,
}, async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'countersign-desync-'))
  t.after(() => rm(directory, { recursive: true }))
  const campaign = { directory, requests: EVERY_PIECE, clients: 32, makePlan: planOfPiece }
  const { judged, served, markers, findings } = await runCampaign(campaign)
  t.diagnostic(`${judged} cases, ${served} requests served, ${markers} markers`)
  for (const { nth, says } of findings.slice(0, FINDINGS_SHOWN)) {
    const sent = nth === undefined ? '' : planOfPiece(nth, NOBODY)?.bytes
    t.diagnostic(`${says}\n${JSON.stringify(sent)}`)
  }
  assert.equal(findings.length, 0, `${findings.length} contradictions`)
  assert.ok(judged >= EVERY_PIECE - 6, `${judged} of ${EVERY_PIECE} judged`)
})

test(`${REQUESTS} fuzzed requests, three upstreams: nothing is read in two ways`, {
  skip,
  timeout: 900_000,
}, async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'countersign-desync-'))
  t.after(() => rm(directory, { recursive: true }))
  const begun = performance.now()
  const makePlan = seeded(SEED, NTH)
  const report = await runCampaign({ directory, requests: REQUESTS, clients: 32, makePlan })
  const seconds = Math.round((performance.now() - begun) / 1000)
  const { connections, judged, served, markers, atUpstream, findings } = report
  t.diagnostic(`seed ${SEED}, ${seconds} s: ${judged} requests and ${markers} markers`)
  const where = JSON.stringify(atUpstream)
  t.diagnostic(`${connections} connections, ${report.resets} reset; ${served} served: ${where}`)
  t.diagnostic(`refused: ${JSON.stringify(Object.fromEntries(report.refused))}`)
  for (const { nth, says } of findings.slice(0, FINDINGS_SHOWN)) {
    const sent = nth === undefined ? '' : JSON.stringify(planOf(SEED, NTH ?? nth, NOBODY).bytes)
    t.diagnostic(`SEED=${SEED} NTH=${NTH ?? nth}: ${says}\n${sent}`)
  }
  assert.deepEqual(findings.length, 0, `${findings.length} contradictions`)
  if (NTH === undefined) assert.ok(judged >= REQUESTS, `${judged} judged`)
})
