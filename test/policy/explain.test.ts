import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Why } from '@countersign/evidence'
import { type Exit, runCli } from '../../packages/gateway/src/cli/index.ts'
import { type PolicyFile, PolicySet } from '../../packages/gateway/src/policy/index.ts'
import { DATA, type MadeLedger } from '../tamper/made-ledger.ts'
import { type MadeDecisions, makeDecisions, recordDecisions } from './made-decisions.ts'
import { FIRST_POLICIES, SECOND_POLICIES } from './recorded-run.ts'

const FIRST: readonly PolicyFile[] = [
  { name: 'first.cedar', text: FIRST_POLICIES },
  {
    name: 'more.cedar',
    text: `@id("claims") permit (principal, action, resource)
when { principal.hasTag("level") && principal.getTag("level").contains("a") };
@id("mfa") permit (principal is User, action, resource)
when { context has mfaAge && context.mfaAge < duration("1h") && context has connection };
@id("glass") permit (principal, action, resource) when { context.breakGlass };
@id("huge") forbid (principal, action == Action::"PUT", resource)
when { 9223372036854775807 - 1 == 0 || resource.path == "" };`,
  },
]
const SECOND: readonly PolicyFile[] = [{ name: 'second.cedar', text: SECOND_POLICIES }]
const COUNT = 300

interface Said {
  readonly exit: Exit
  readonly out: string
  readonly err: string
}

async function cli(ledger: MadeLedger, args: readonly string[], other = SECOND): Promise<Said> {
  const said = { out: '', err: '' }
  const exit = await runCli(['policy', ...args, '--data', DATA], {
    terminal: {
      out: (text) => {
        said.out += text
      },
      err: (text) => {
        said.err += text
      },
      columns: 100,
      interactive: false,
      style: (_format, text) => text,
    },
    disk: ledger.disk,
    clock: ledger.clock,
    random: ledger.random,
    environment: {},
    fetch,
    services: {
      readConfig: () => Promise.reject(new Error('no configuration here')),
      readPolicies: () => Promise.resolve(other),
      start: () => Promise.reject(new Error('nothing starts here')),
      supervise: () => Promise.reject(new Error('nothing starts here')),
      demo: () => Promise.reject(new Error('nothing starts here')),
      examine: () => assert.fail('nothing is examined here'),
      drill: () => assert.fail('nothing is drilled here'),
    },
  })
  return { exit, ...said }
}

let made: Promise<MadeDecisions> | undefined
function decisions(): Promise<MadeDecisions> {
  made ??= makeDecisions(FIRST, { count: COUNT, seed: 1 })
  return made
}

test('every recorded decision is made again, from the ledger alone', async () => {
  const { ledger } = await decisions()
  const { exit, out } = await cli(ledger, ['explain', '--all', '--json'])
  assert.equal(exit, 0)
  assert.deepEqual(JSON.parse(out), { same: COUNT, different: 0, unknown: 0, findings: [] })
})

test('one decision is explained, by its intent or by its outcome', async () => {
  const { ledger, made: all } = await decisions()
  const set = PolicySet.compile(FIRST)
  const permitted = all.find(({ question }) => set.decide(question, '').allow)
  assert.ok(permitted)
  const byIntent = await cli(ledger, ['explain', String(permitted.index)])
  assert.match(byIntent.out, new RegExp(`^record ${permitted.index}: allow, policy-permits\n`))
  assert.match(byIntent.out, /\n {2}digest {5}[0-9a-f]{64}\n$/)
  const byOutcome = await cli(ledger, ['explain', String(permitted.index + 1)])
  assert.equal(byOutcome.out, byIntent.out)
})

test('what was never decided is not explained: 2', async () => {
  const { ledger } = await decisions()
  const { exit, err } = await cli(ledger, ['explain', '0'])
  assert.equal(exit, 2)
  assert.match(err, /no policy was asked about record 0/)
})

for (const [name, change, message] of [
  ['a reason that no policy gave', { reason: 'policy-permits' }, /reason: recorded policy-permits/],
  ['policies that did not decide', { policies: ['nobody'] }, /policies: recorded nobody, recomp/],
  ['another digest', { requestSha256: 'ab'.repeat(32) }, /digest of the authorisation request/],
] as const) {
  test(`it fails loudly on ${name}: 1`, async () => {
    const lie = (why: Why): Why => ({ ...why, ...change })
    const { ledger, made: all } = await makeDecisions(SECOND, { count: 1, seed: 9, change: lie })
    const one = await cli(ledger, ['explain', String(all[0]?.index)])
    assert.equal(one.exit, 1, one.err)
    assert.match(one.err, message)
    assert.match(one.err, /FAILED: the decision of record \d+ cannot be made again/)
    const everything = await cli(ledger, ['explain', '--all', '--json'])
    assert.equal(everything.exit, 1)
    const { findings } = JSON.parse(everything.out) as { readonly findings: readonly unknown[] }
    assert.equal(findings.length, 1)
  })
}

test('a set that is not in the ledger is said to be missing: 2', async () => {
  const { ledger, recorder } = await makeDecisions(SECOND, { count: 1, seed: 1 })
  const set = PolicySet.compile(FIRST)
  const mute = { digest: set.digest, records: () => [], decide: set.decide.bind(set) }
  const [made1] = await recordDecisions(recorder, mute as unknown as PolicySet, {
    count: 1,
    seed: 3,
  })
  await ledger.publish()
  const { exit, err } = await cli(ledger, ['explain', String(made1?.index)])
  assert.equal(exit, 2)
  assert.match(err, /does not hold the policy set/)
})

test('replay lists exactly the decisions that the engine would change', async () => {
  const { ledger, made: all } = await decisions()
  const { exit, out } = await cli(ledger, ['replay', '--with', 'second', '--json'])
  assert.equal(exit, 0)
  const said = JSON.parse(out) as {
    decisions: number
    changes: { index: number; recorded: string; now: string; policies: string[] }[]
  }
  const [before, after] = [PolicySet.compile(FIRST, 'wasm'), PolicySet.compile(SECOND, 'wasm')]
  const expected = all.flatMap(({ index, question }) => {
    const [was, is] = [before.decide(question, ''), after.decide(question, '')]
    if (was.reason === is.reason) return []
    return [{ index, recorded: was.reason, now: is.reason, policies: is.policies }]
  })
  assert.ok(expected.length > 20 && expected.length < COUNT)
  assert.equal(said.decisions, COUNT)
  assert.deepEqual(
    said.changes.map(({ index, recorded, now, policies }) => ({ index, recorded, now, policies })),
    expected,
  )
})

test('replay takes a range of indices or of times, both ends included', async () => {
  const { ledger, made: all } = await decisions()
  const [from, to] = [all[10]?.index, all[19]?.index]
  const args = ['replay', '--with', 'x', '--json', '--from', String(from), '--to', String(to)]
  const said = JSON.parse((await cli(ledger, args)).out) as { decisions: number }
  assert.equal(said.decisions, 10)
  const later = ['replay', '--with', 'x', '--json', '--from', '2100-01-01T00:00:00Z']
  assert.equal((JSON.parse((await cli(ledger, later)).out) as typeof said).decisions, 0)
  assert.equal((await cli(ledger, ['replay', '--with', 'x', '--from', 'yesterday'])).exit, 2)
})

test('a policy that is the same changes nothing', async () => {
  const { ledger } = await decisions()
  const { out } = await cli(ledger, ['replay', '--with', 'x'], FIRST)
  assert.match(out, /^0 of 300 decisions would change, 0 cannot be made again\n$/)
})
