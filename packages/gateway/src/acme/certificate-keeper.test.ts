import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { need } from '../../../../test/needs.ts'
import { SeededRandom, SimulatedClock, SimulatedDisk, settled } from '../platform/index.ts'
import { acmeSchema } from './acme-config.ts'
import { AcmeError } from './acme-error.ts'
import { type HeldCertificate, readPair } from './certificate.ts'
import { type CertificateEvent, CertificateKeeper } from './certificate-keeper.ts'
import { CertificateStore } from './certificate-store.ts'
import { PendingChallenges } from './pending-challenges.ts'
import { backOffMs, renewalMs } from './schedule.ts'

const DAY_MS = 86_400_000
const skip = need('openssl', { command: 'openssl', install: 'apt-get install openssl' })

function configOf(more: object = {}) {
  return acmeSchema.parse({
    directory: 'https://ca.example/dir',
    domains: ['a.example'],
    termsOfServiceAgreed: true,
    ...more,
  })
}

/** A certificate of thirty days, from now on, that says its own name. */
function issue(name: string): HeldCertificate {
  const directory = mkdtempSync(join(tmpdir(), 'keeper-'))
  const file = (which: string): string => join(directory, which)
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
  const files = ['-keyout', file('key'), '-out', file('pem'), '-days', '30', '-subj', '/CN=a']
  const names = ['-addext', `subjectAltName=DNS:${name}`]
  execFileSync('openssl', ['req', '-x509', ...key, ...files, ...names], { stdio: 'ignore' })
  const text = (which: string): string => readFileSync(file(which), 'utf8')
  const held = readPair({ certificate: text('pem'), key: text('key') })
  rmSync(directory, { recursive: true })
  return held
}

interface Stage {
  readonly keeper: CertificateKeeper
  readonly clock: SimulatedClock
  readonly disk: SimulatedDisk
  readonly events: CertificateEvent[]
  readonly orders: string[][]
  /** What the next orders give; an error is thrown. */
  readonly answers: (HeldCertificate | Error)[]
  /** What TLS has against certificates. */
  against: string | undefined
  used: number
}

function start(from: { disk?: SimulatedDisk; isRecording?: boolean; nowMs: number }): Stage {
  const { disk = new SimulatedDisk(), isRecording = true, nowMs } = from
  const clock = new SimulatedClock({ startUs: Math.round(nowMs) * 1000 })
  const stage: Omit<Stage, 'keeper'> = {
    clock,
    disk,
    events: [],
    orders: [],
    answers: [],
    against: undefined,
    used: 0,
  }
  const keeper = new CertificateKeeper({
    listener: 'secure',
    config: configOf(),
    clock,
    random: new SeededRandom(1),
    store: new CertificateStore(disk, '/acme'),
    order: async ({ domains }) => {
      stage.orders.push([...domains])
      const answer = stage.answers.shift()
      if (answer instanceof Error || answer === undefined) throw answer ?? new Error('none')
      return answer
    },
    check: () => {
      if (stage.against !== undefined) throw new Error(stage.against)
    },
    record: async (event) => {
      if (!isRecording) throw new Error('ledger-unavailable')
      stage.events.push(event)
    },
    use: () => {
      stage.used += 1
    },
    onFault: () => undefined,
  })
  return Object.assign(stage, { keeper })
}

async function pass(clock: SimulatedClock, ms: number): Promise<void> {
  await clock.advance(ms)
  for (let turns = 0; turns < 20; turns += 1) await settled()
}

test('a certificate is obtained, recorded, used and kept; in that order', { skip }, async () => {
  const held = issue('a.example')
  const stage = start({ nowMs: held.fromMs })
  stage.answers.push(held)
  await stage.keeper.load()
  stage.keeper.start()
  await pass(stage.clock, 1)
  assert.deepEqual(
    stage.events.map(({ act }) => act),
    ['obtained'],
  )
  assert.equal(stage.used, 1)
  const kept = await new CertificateStore(stage.disk, '/acme').certificate('secure')
  assert.equal(kept?.sha256, held.sha256)
  assert.equal(kept?.pair.key.trim(), held.pair.key.trim())
})

test('nothing is used that cannot be written down', { skip }, async () => {
  const held = issue('a.example')
  const stage = start({ nowMs: held.fromMs, isRecording: false })
  stage.answers.push(held)
  stage.keeper.start()
  await pass(stage.clock, 1)
  assert.equal(stage.orders.length, 1)
  assert.equal(stage.used, 0)
  assert.equal(stage.keeper.held, undefined)
})

test('what is kept is used, and renewed after two thirds of its life', { skip }, async () => {
  const [held, next] = [issue('a.example'), issue('a.example')]
  const first = start({ nowMs: held.fromMs })
  first.answers.push(held)
  first.keeper.start()
  await pass(first.clock, 1)
  const stage = start({ nowMs: held.fromMs, disk: first.disk })
  stage.answers.push(next)
  await stage.keeper.load()
  stage.keeper.start()
  assert.equal(stage.keeper.held?.sha256, held.sha256)
  for (let hours = 0; hours < 19 * 24; hours += 1) await pass(stage.clock, DAY_MS / 24)
  assert.equal(stage.orders.length, 0)
  for (let hours = 0; hours < 3 * 24; hours += 1) await pass(stage.clock, DAY_MS / 24)
  assert.ok(stage.orders.length > 0)
  assert.deepEqual(
    stage.events.slice(0, 2).map(({ act }) => act),
    ['loaded', 'renewed'],
  )
})

test('failures wait longer and longer, and leave the last good one in use', { skip }, async () => {
  const held = issue('a.example')
  const stage = start({ nowMs: held.fromMs })
  stage.answers.push(held)
  stage.keeper.start()
  await pass(stage.clock, 1)
  for (let tries = 0; tries < 5; tries += 1) {
    stage.answers.push(new AcmeError('ACME_VALIDATION', 'no'))
  }
  stage.keeper.adopt(configOf({ domains: ['a.example', 'b.example'] }))
  const tried: number[] = []
  for (let minutes = 0; minutes < 40; minutes += 1) {
    await pass(stage.clock, 60_000)
    tried.push(stage.orders.length)
  }
  const failures = stage.events.filter(({ act }) => act === 'failed')
  assert.ok(failures.length >= 4 && failures.length <= 8, `${failures.length}`)
  assert.ok(failures.every((event) => event.held?.sha256 === held.sha256))
  assert.equal(stage.keeper.held?.sha256, held.sha256)
  assert.deepEqual(stage.orders.at(-1), ['a.example', 'b.example'])
})

test('one that TLS does not take is a failure, and is not kept', { skip }, async () => {
  const [held, next] = [issue('a.example'), issue('a.example')]
  const stage = start({ nowMs: held.fromMs })
  stage.answers.push(held)
  stage.keeper.start()
  await pass(stage.clock, 1)
  stage.answers.push(next)
  stage.against = 'bad end line'
  stage.keeper.adopt(configOf({ renewAfterPercent: 5 }))
  for (let hours = 0; hours < 4 * 24; hours += 1) await pass(stage.clock, DAY_MS / 24)
  const failed = stage.events.find(({ act }) => act === 'failed')
  assert.equal(failed?.problem, 'ACME_CERTIFICATE TLS does not take it: bad end line')
  assert.equal(stage.keeper.held?.sha256, held.sha256)
  const after = start({ nowMs: held.fromMs, disk: stage.disk })
  after.against = stage.against
  await after.keeper.load()
  assert.equal(after.keeper.held, undefined, 'nor is one that was kept')
  assert.deepEqual(after.events, [])
})

test('one that is due when it is issued is not asked for without end', { skip }, async () => {
  const old = issue('a.example')
  const stage = start({ nowMs: old.untilMs - DAY_MS })
  stage.answers.push(...Array.from({ length: 100 }, () => old))
  stage.keeper.start()
  for (let seconds = 0; seconds < 60; seconds += 1) await pass(stage.clock, 1000)
  assert.ok(stage.orders.length <= 2, `${stage.orders.length} orders in a minute`)
})

test('a closed keeper asks for nothing', { skip }, async () => {
  const stage = start({ nowMs: 0 })
  stage.keeper.start()
  await stage.keeper.close()
  await pass(stage.clock, DAY_MS)
  assert.deepEqual(stage.orders, [])
})

for (const [what, text] of [
  ['half of a file', '-----BEGIN PRIVATE KEY-----\nAAAA'],
  ['no certificate', '-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n'],
  ['nothing', ''],
] as const) {
  test(`${what} in place of what was kept is told, and another one is obtained`, async () => {
    const disk = new SimulatedDisk()
    await disk.makeDirectory('/acme/certificates')
    const path = '/acme/certificates/secure.pem'
    const file = await disk.open(path, { for: 'write', create: 'new', durable: true })
    await file.write(0, new TextEncoder().encode(text))
    await file.close()
    await assert.rejects(new CertificateStore(disk, '/acme').certificate('secure'), {
      code: 'ACME_STORE',
    })
    const stage = start({ nowMs: 0, disk })
    await stage.keeper.load()
    assert.equal(stage.keeper.held, undefined)
  })
}

test('waiting doubles up to its bound, and half of it is chance', () => {
  const config = configOf()
  assert.deepEqual(
    [1, 2, 3, 20, 1000].map((failures) => backOffMs(failures, config, 1)),
    [60_000, 120_000, 240_000, 21_600_000, 21_600_000],
  )
  assert.equal(backOffMs(1, config, 0), 30_000)
  const life = { fromMs: 0, untilMs: 90 * DAY_MS }
  assert.equal(renewalMs(life, config, 0), 90 * DAY_MS * 0.66)
  assert.ok(renewalMs(life, configOf({ renewAfterPercent: 90 }), 1) < life.untilMs)
})

test('a challenge is there for its name and token, and only while somebody looks', () => {
  const challenges = new PendingChallenges()
  const takeAway = challenges.addHttp('a.example', 'token', 'token.thumbprint')
  assert.equal(challenges.httpAnswer('a.example', 'token'), 'token.thumbprint')
  for (const [host, token] of [
    ['b.example', 'token'],
    ['a.example', 'Token'],
    ['a.example', ''],
    ['a.example', '__proto__'],
  ] as const) {
    assert.equal(challenges.httpAnswer(host, token), undefined)
  }
  takeAway()
  assert.equal(challenges.httpAnswer('a.example', 'token'), undefined)
  const pair = { certificate: 'c', key: 'k' }
  const forget = challenges.addTls('a.example', pair)
  assert.equal(challenges.tlsPair('A.Example'), pair)
  const later = { certificate: 'd', key: 'l' }
  challenges.addTls('a.example', later)
  forget()
  assert.equal(challenges.tlsPair('a.example'), later, 'another order’s is not taken away')
})

for (const [what, more] of [
  ['http', { directory: 'http://ca.example/dir' }],
  ['a wildcard', { domains: ['*.a.example'] }],
  ['an address', { domains: ['a..example'] }],
  ['one label', { domains: ['localhost'] }],
  ['terms that nobody agreed to', { termsOfServiceAgreed: false }],
  ['a contact that is no mail address', { contact: ['tel:112'] }],
  ['a bound under the beginning', { retry: { minMs: 5000, maxMs: 1000 } }],
  ['a secret that is written down', { externalAccount: { keyId: 'a', macKey: 'b' } }],
] as const) {
  test(`is no configuration: ${what}`, () => {
    assert.throws(() => configOf(more))
  })
}
