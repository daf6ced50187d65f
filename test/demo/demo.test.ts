// The demo as a newcomer meets it, end to end: real processes, real sockets, a real disk.
import assert from 'node:assert/strict'
import { existsSync, readFileSync, statSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { type Demo, runToEnd, startCommand, startDemo, waitFor } from '../demo-process.ts'
import { run } from '../run-cli.ts'

const RESIDENT_MIB_MAX = 180
const ORIGIN = String.raw`"countersign\.demo/[0-9a-f]{16}"`
const RECEIPT = new RegExp(`^${ORIGIN}; epoch=1; index=(\\d+); leaf=:[^:]+:; open=:[^:]+:$`)

/** What the tests share among each other, a newcomer does not have. */
const { NODE_COMPILE_CACHE: _, ...AS_SHIPPED } = process.env

let directory: string
before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'countersign-demo-'))
})
after(() => rm(directory, { recursive: true }))

const bearer = (token = ''): RequestInit => ({ headers: { authorization: `Bearer ${token}` } })

function receiptIndex(response: Response): number {
  const [, index] = RECEIPT.exec(response.headers.get('countersign-receipt') ?? '') ?? []
  assert.ok(index !== undefined, `receipt: ${response.headers.get('countersign-receipt')}`)
  return Number(index)
}

/** Kibibytes of memory that the process holds, as the kernel counts them. */
function residentMib(pid: number): number {
  const [, kib] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
  return Number(kib) / 1024
}

describe('a running demo', () => {
  let demo: Demo
  let begunMs: number

  before(async () => {
    begunMs = performance.now()
    demo = await startDemo({ data: join(directory, 'running'), environment: AS_SHIPPED })
  })
  after(async () => {
    assert.equal(await demo.stop(), 0)
  })

  test('lets Ada read an order, and hands her a receipt', async () => {
    const { GATEWAY, ADA } = demo.env
    const response = await fetch(`${GATEWAY}/orders/7`, bearer(ADA))
    assert.equal(response.status, 200)
    assert.deepEqual(await response.json(), { id: 7, item: 'lamp', quantity: 1 })
    assert.ok(receiptIndex(response) > 0)
  })

  for (const [who, method, status, reason] of [
    ['ADA', 'DELETE', 403, 'no-policy-permits'],
    ['BEN', 'GET', 403, 'no-policy-permits'],
    ['nobody', 'GET', 401, 'credentials-missing'],
  ] as const) {
    test(`${who} ${method} /orders/7 is ${status} ${reason}, and receipted`, async () => {
      const { GATEWAY } = demo.env
      const token = demo.env[who]
      const credentials = token === undefined ? {} : bearer(token)
      const response = await fetch(`${GATEWAY}/orders/7`, { method, ...credentials })
      assert.equal(response.status, status)
      assert.equal(response.headers.get('content-type'), 'application/problem+json')
      assert.ok((await response.text()).includes(reason))
      receiptIndex(response)
    })
  }

  test('what the API received is what was permitted', async () => {
    const { GATEWAY, UPSTREAM, ADA, BEN } = demo.env
    const received = async (): Promise<{ count: number; ids: string[] }> => {
      return (await (await fetch(`${UPSTREAM}/__received`)).json()) as never
    }
    const { count } = await received()
    await fetch(`${GATEWAY}/orders/1`, bearer(BEN))
    await fetch(`${GATEWAY}/orders/1`, { method: 'DELETE', ...bearer(ADA) })
    assert.equal((await received()).count, count)
    await fetch(`${GATEWAY}/orders/1`, bearer(ADA))
    const { count: now, ids } = await received()
    assert.equal(now, count + 1)
    assert.match(ids.at(-1) ?? '', /^[0-9a-f]{8}-[0-9a-f]{4}-7/)
  })

  test('a receipt becomes a proof that verifies without the gateway', async () => {
    const { GATEWAY, ADMIN, ADA, VKEY } = demo.env
    const response = await fetch(`${GATEWAY}/orders/2`, bearer(ADA))
    const path = `/.well-known/countersign/receipts/1/${receiptIndex(response)}`
    await waitFor(async () => (await fetch(`${ADMIN}${path}`)).status === 200)
    const again = await fetch(`${GATEWAY}${path}`)
    assert.equal(again.status, 200, 'it is on both ports')
    assert.match(again.headers.get('cache-control') ?? '', /no-store/)
    const file = join(directory, 'receipt.tlog-proof')
    await writeFile(file, await again.text())
    const receipt = response.headers.get('countersign-receipt') ?? ''
    const proof = ['verify', '--proof', file, '--key', VKEY ?? '', '--receipt', receipt]
    const { exit, out, err } = await run(proof)
    assert.equal(exit, 0, out + err)
  })

  test('whoever holds a receipt may see what was recorded, and nobody else', async () => {
    const { GATEWAY, ADMIN, ADA } = demo.env
    const response = await fetch(`${GATEWAY}/orders/3`, bearer(ADA))
    const url = `${ADMIN}/.well-known/countersign/receipts/1/${receiptIndex(response)}`
    await waitFor(async () => (await fetch(url)).status === 200)
    const [, open] = /open=:([^:]+):/.exec(response.headers.get('countersign-receipt') ?? '') ?? []
    const show = (value?: string): Promise<Response> => {
      return fetch(url, { headers: { authorization: `Countersign-Receipt ${value}` } })
    }
    const opened = (await (await show(open)).json()) as { records: { disclosure: object }[] }
    assert.equal(opened.records.length, 2, 'the record, and the other half of its exchange')
    assert.equal((await show('AAAAAAAAAAAAAAAAAAAAAA==')).status, 401)
    assert.equal((await show('not base64')).status, 401)
  })

  test('the served log verifies, and so does the directory', async () => {
    const { LOG, VKEY } = demo.env
    for (const place of [demo.data, `${LOG}/`]) {
      const { exit, out, err } = await run(['verify', place, '--key', VKEY ?? '', '--no-memory'])
      assert.equal(exit, 0, out + err)
      assert.match(out, /ok: \d+ entries/)
    }
  })

  test('demo.env is for the shell and for its owner alone', () => {
    const names = 'GATEWAY ADMIN UPSTREAM ADA BEN OPS VKEY ORIGIN LOG PID'
    assert.equal(Object.keys(demo.env).join(' '), names)
    assert.equal(statSync(join(demo.data, 'demo.env')).mode & 0o777, 0o600)
    assert.equal(Number(demo.env.PID), demo.process.pid)
  })

  test('no credential is printed or logged', () => {
    for (const name of ['ADA', 'BEN']) assert.ok(!demo.printed().includes(demo.env[name] ?? ''))
  })

  test('a second start in the same directory is refused, and harms nothing', async () => {
    const before = readFileSync(join(demo.data, 'countersign.yaml'), 'utf8')
    const { exit, err } = await runToEnd(['demo', '--data', demo.data])
    assert.equal(exit, 2)
    assert.match(err, /is in use by another running gateway/)
    assert.equal(readFileSync(join(demo.data, 'countersign.yaml'), 'utf8'), before)
    assert.equal((await fetch(`${demo.env.ADMIN}/readyz`)).status, 200)
  })

  test('a port that is taken is named with its option', async () => {
    const port = new URL(demo.env.GATEWAY ?? '').port
    const data = join(directory, 'taken')
    const { exit, err } = await runToEnd(['demo', '--data', data, '--port', port])
    assert.equal(exit, 2)
    assert.match(err, new RegExp(`port ${port} is in use: take another with --port`))
  })

  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    test(`${signal}, delivered twice, ends it cleanly and leaves a whole ledger`, async () => {
      const demo = await startDemo({ data: join(directory, signal) })
      demo.process.kill(signal)
      assert.equal(await demo.stop(signal), 0)
      assert.ok(!existsSync(join(demo.data, 'demo.env')))
      const { exit, out, err } = await run(['verify', demo.data, '--no-memory'])
      assert.equal(exit, 0, out + err)
    })
  }

  // Where it is, next to nothing waits for the ten seconds.
  test('the gateway is small ten seconds after its start', async (context) => {
    const aliveMs = performance.now() - begunMs
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, 10_000 - aliveMs)))
    const resident = residentMib(Number(demo.env.PID))
    context.diagnostic(`resident ${resident.toFixed(0)} MiB`)
    assert.ok(resident < RESIDENT_MIB_MAX, `${resident} MiB`)
  })

  test('a demo that was killed starts again with its ledger and its identities', async () => {
    const data = join(directory, 'killed')
    const first = await startDemo({ data })
    const before = receiptIndex(await fetch(`${first.env.GATEWAY}/orders/7`, bearer(first.env.ADA)))
    assert.equal(await first.stop('SIGKILL'), 'SIGKILL')
    await waitFor(async () => !(await answers(`${first.env.UPSTREAM}/__received`)))

    const second = await startDemo({ data })
    assert.equal(second.env.ORIGIN, first.env.ORIGIN)
    assert.equal(second.env.ADA, first.env.ADA)
    const response = await fetch(`${second.env.GATEWAY}/orders/7`, bearer(second.env.ADA))
    assert.ok(receiptIndex(response) > before, 'no index is given twice')
    assert.equal(await second.stop(), 0)
    const { exit, out, err } = await run(['verify', data, '--no-memory'])
    assert.equal(exit, 0, out + err)
  })

  test('start takes the demo’s configuration, and serves without the demo', async (context) => {
    const data = join(directory, 'configured')
    const demo = await startDemo({ data })
    const { GATEWAY, ADMIN, ORIGIN, ADA, BEN } = demo.env
    assert.equal(await demo.stop(), 0)
    const config = join(data, 'countersign.yaml')
    const checked = await run(['config', 'check', config])
    assert.equal(checked.exit, 0, checked.err)

    const gateway = startCommand(['start', '--config', config, '--json'])
    context.after(() => gateway.child.kill('SIGKILL'))
    await waitFor(() => answers(`${ADMIN}/readyz`))
    assert.equal((await fetch(`${GATEWAY}/orders/7`, bearer(BEN))).status, 403)
    const response = await fetch(`${GATEWAY}/orders/7`, bearer(ADA))
    assert.equal(response.status, 502, 'the demo API is not there')
    receiptIndex(response)
    gateway.child.kill('SIGTERM')
    assert.equal((await gateway.ended).exit, 0)
    const said = JSON.parse((await gateway.ended).out) as Record<string, unknown>
    assert.equal(said.origin, ORIGIN)
    assert.equal(said.rollbackProtection, 'none')
    const { exit, out, err } = await run(['verify', data, '--no-memory'])
    assert.equal(exit, 0, out + err)
  })

  test('a key that is created is taken while it runs, and written down', async (context) => {
    const data = join(directory, 'keys')
    const demo = await startDemo({ data })
    context.after(() => demo.process.kill('SIGKILL'))
    const { GATEWAY } = demo.env
    const config = join(data, 'countersign.yaml')
    const created = await run(['keys', 'create', '--config', config, '--principal', 'cy', '--json'])
    const { token, prefix } = JSON.parse(created.out) as { token: string; prefix: string }
    await waitFor(async () => (await fetch(`${GATEWAY}/orders/7`, bearer(token))).status === 403)
    assert.equal(await demo.stop(), 0)
    const { size } = JSON.parse((await run(['verify', data, '--no-memory', '--json'])).out) as {
      readonly size: number
    }
    const records: string[] = []
    for (let index = 0; index < size; index += 1) {
      records.push((await run(['show', String(index), '--data', data, '--json'])).out)
    }
    const about = records.filter((record) => /"kind": ?"key"/.test(record))
    assert.equal(about.length, 1, about.join(''))
    assert.ok(about[0]?.includes(prefix), about.join(''))
    assert.ok(!records.join('').includes(token.slice(12)))
  })
})

async function answers(url: string): Promise<boolean> {
  try {
    return (await fetch(url)).ok
  } catch {
    return false
  }
}
