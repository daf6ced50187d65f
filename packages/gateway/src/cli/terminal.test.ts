// What reaches a terminal: our own colours, and nothing that somebody else could steer it with.
import assert from 'node:assert/strict'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, before, test } from 'node:test'
import { run } from '../../../../test/run-cli.ts'
import { DATA, MadeLedger, someTraffic } from '../../../../test/tamper/made-ledger.ts'
import type { DrillEvent, Finding } from './command.ts'

const CLEAR = '\u009b2J'
const TURN = '\u202e'
const ODD = `odd${CLEAR}${TURN}`
const SHOWN = 'odd\\u009b2J\\u202e'

let root: string
before(async () => {
  root = await mkdtemp(join(tmpdir(), 'countersign-terminal-'))
  const ledger = new MadeLedger(71)
  const recorder = await ledger.start()
  await someTraffic(recorder, 0)
  await ledger.publish()
  await ledger.stop(recorder)
  const made = await ledger.files()
  for (const [path, bytes] of made.files) await put(path.slice(1), bytes)
  await put(
    'gateway.yaml',
    `version: 1
identity:
  keysFile: keys.yaml
  revocationsFile: revocations.yaml
  issuers:
    - {name: main, issuer: 'https://login.example', audiences: [gateway]}
policies: {directory: policies}
listeners: [{name: main, port: 0}]
upstreams: {orders: {url: 'http://127.0.0.1:1'}}
routes: [{name: orders, path: /orders, upstream: orders}]
`,
  )
  await put('wrong.yaml', `version: 1\n"${ODD}": 1\n`)
  await put('policies/a.cedar', `@id("${ODD}")\npermit (principal, action, resource);\n`)
  await put('policies/cases.yaml', tableOf(ODD))
  const config = ['--config', at('gateway.yaml')]
  const made1 = await run(['keys', 'create', ...config, '--principal', 'ada', '--label', TURN])
  assert.equal(made1.exit, 0, made1.err)
  const made2 = await run(['tokens', 'revoke', ...config, '--jti', TURN])
  assert.equal(made2.exit, 0, made2.err)
})
after(() => rm(root, { recursive: true }))

function at(path: string): string {
  return join(root, path)
}

async function put(path: string, content: Uint8Array | string): Promise<void> {
  await mkdir(dirname(at(path)), { recursive: true })
  await writeFile(at(path), content)
}

function tableOf(name: string): string {
  const row = { name, principal: 'ada', method: 'GET', expect: 'no-policy-permits' }
  const given = { route: 'orders', path: '/orders/7' }
  return JSON.stringify({ policies: '.', principals: { ada: { id: 'ada' } }, given, cases: [row] })
}

const COMMANDS: readonly (readonly [string, () => readonly string[]])[] = [
  ['keys list', () => ['keys', 'list', '--config', at('gateway.yaml')]],
  ['tokens list', () => ['tokens', 'list', '--config', at('gateway.yaml')]],
  ['policy check', () => ['policy', 'check', at('policies')]],
  ['policy test', () => ['policy', 'test', at('policies/cases.yaml')]],
  ['config check', () => ['config', 'check', at('wrong.yaml')]],
  ['prove', () => ['prove', '3', '--data', at(DATA), '-o', at(ODD)]],
]

for (const [name, args] of COMMANDS) {
  test(`${name} shows what was written by others, and does not obey it`, async () => {
    for (const json of [[], ['--json']]) {
      const { out, err, exit } = await run([...args(), ...json])
      assert.ok(exit < 2, err)
      assert.match(out + err, /^[\P{C}\n]+$/u)
      const isTold = name !== 'policy check' || json.length > 0
      assert.equal((out + err).includes('\\u202e'), isTold, out + err)
    }
  })
}

const FINDING: Finding = { topic: 'disk', subject: '', state: 'failure', says: ODD, advice: 'go' }

test('doctor keeps its colours, and shows the rest', async () => {
  async function* examine(): AsyncGenerator<Finding> {
    yield FINDING
  }
  const { out } = await run(['doctor', 'x'], { isStyled: true, services: { examine } })
  const [first, second] = out.split('\n')
  assert.equal(first, `\u001b[1mfailure\u001b[0m  disk: ${SHOWN}`)
  assert.equal(second, '         → go')
})

const ROUTE = {
  route: ODD,
  status: 503,
  reason: ODD,
  recorded: 'no',
  tookMs: 3,
  backMs: 0,
} as const

test('drill keeps its colours, and shows the rest', async () => {
  async function* drill(): AsyncGenerator<DrillEvent> {
    yield { kind: 'begins', scenario: 'slow', says: ODD }
    yield { kind: 'ended', scenario: 'slow', routes: [ROUTE] }
    yield { kind: 'verified', ok: true, entries: 1 }
  }
  const { out } = await run(['drill', 'x'], { isStyled: true, services: { drill } })
  const [says, head, row = ''] = out.split('\n')
  assert.equal(says, `\u001b[1m${SHOWN}\u001b[0m`)
  assert.match(head ?? '', /^\p{Cc}\[1m {2}ROUTE .* BACK\p{Cc}\[0m$/u)
  assert.ok(row.startsWith(`  ${SHOWN}  503 ${SHOWN}`), row)
})
