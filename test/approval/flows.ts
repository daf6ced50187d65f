// Approvals, breaking the glass and quarantine as scripts.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Stage, StageOptions } from './stage.ts'

const HOUR_MS = 3_600_000

export const SETTING: StageOptions = {
  policies: `
@id("everybody-reads") permit (principal, action == Action::"GET", resource);
@id("refunds") @approval("refund") permit (principal, action == Action::"POST", resource);
@id("emergencies") permit (principal, action == Action::"PUT", resource)
  when { context.breakGlass };
@id("no-deletes") forbid (principal, action == Action::"DELETE", resource);
`,
  config: `admin:
  port: 0
  roles:
    operator: [{role: operator}]
    approver: [{role: lead}]
approvals:
  url: https://admin.example
  templates:
    refund: {approvers: [{role: lead}], methods: [POST], path: /orders/*/refund, usesMax: 3}
breakGlass:
  members: [{role: oncall}]
  reviewWithinMs: 3600000
  forMsMax: 1800000
`,
  people: { ada: ['lead', 'oncall'], lea: ['lead'], ben: ['oncall'], eve: [], olga: ['operator'] },
}

const TOKEN = 'eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhZGEifQ.c2lnbmF0dXJlc2lnbmF0dXJl'
const LEAKED_KEY = 'cs_abcdefgh_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA'
const REFUND = 'POST /orders/7/refund'

export const FLOWS: Readonly<Record<string, (stage: Stage) => Promise<void>>> = {
  async approval(stage) {
    stage.say('A refund takes a second person: it is asked for once, however often it is tried.')
    await stage.ask('ada', REFUND)
    await stage.ask('ada', REFUND)
    await stage.command('lea', 'approvals', 'list')
    const id = stage.id('$approval1')
    stage.say('Nobody approves what they ask for, and nobody without the role approves anything.')
    await stage.command('ada', 'approvals', 'grant', id)
    await stage.command('ben', 'approvals', 'grant', id)
    stage.say('A grant keeps within its template.')
    await stage.command('lea', 'approvals', 'grant', id, '--uses', '4')
    await stage.command('lea', 'approvals', 'grant', id, '--path', '/orders/**')
    await stage.command('lea', 'approvals', 'grant', id, '--uses', '2', '--for', '30m')
    await stage.command('lea', 'approvals', 'grant', id, '--uses', '3')
    stage.say('It is for that principal and that path, and for two uses.')
    await stage.ask('eve', REFUND)
    await stage.ask('ada', 'POST /orders/8/refund')
    await stage.ask('ada', REFUND, { 'countersign-approval': `${id}/1` })
    stage.say('A redemption that is replayed is refused, before and after a restart.')
    await stage.ask('ada', REFUND, { 'countersign-approval': `${id}/1` })
    await stage.restart()
    await stage.ask('ada', REFUND, { 'countersign-approval': `${id}/1` })
    await stage.ask('ada', REFUND)
    stage.say('Beyond the count nothing passes.')
    await stage.ask('ada', REFUND, { 'countersign-approval': id })
    await stage.ask('ada', REFUND)
    stage.say('A forbid wins over everything, and no approval is asked for.')
    await stage.ask('ada', 'DELETE /orders/7')
    stage.say('That is why it is refused, and on record as why, whatever approval is named.')
    await stage.ask('ada', 'DELETE /orders/7', { 'countersign-approval': `${id}/1` })
    await stage.ask('ada', 'PATCH /orders/7', { 'countersign-approval': id })
  },

  async expiry(stage) {
    await stage.ask('ada', REFUND)
    await stage.command('lea', 'approvals', 'grant', stage.id('$approval1'), '--uses', '3')
    await stage.ask('ada', REFUND)
    stage.say('When its time is over a grant is over, uses left or not.')
    await stage.wait('an hour', HOUR_MS)
    await stage.ask('ada', REFUND, { 'countersign-approval': stage.id('$approval1') })
    stage.say('What nobody answers lapses.')
    await stage.ask('ada', REFUND)
    await stage.wait('a day', 24 * HOUR_MS)
    await stage.command('lea', 'approvals', 'list')
    stage.say('No is an answer, and yes can be taken back.')
    await stage.ask('ada', REFUND)
    await stage.command('lea', 'approvals', 'deny', stage.id('$approval3'), '--reason', 'not him')
    await stage.ask('ada', REFUND)
    await stage.command('lea', 'approvals', 'grant', stage.id('$approval4'), '--uses', '3')
    await stage.command('lea', 'approvals', 'deny', stage.id('$approval4'))
    await stage.ask('ada', REFUND, { 'countersign-approval': stage.id('$approval4') })
  },

  async redaction(stage) {
    stage.say('What looks like a secret is in no record, so that nobody can grant just that path.')
    await stage.ask('ada', `POST /orders/${TOKEN}/refund`)
    await stage.command('lea', 'approvals', 'list')
    await stage.command('lea', 'approvals', 'grant', stage.id('$approval1'))
    await stage.ask('ada', `POST /orders/${TOKEN}/refund`)
  },

  async count(stage) {
    stage.say('Forty at once: three uses, not one more.')
    await stage.ask('ada', REFUND)
    await stage.command('lea', 'approvals', 'grant', stage.id('$approval1'), '--uses', '3')
    await stage.askAtOnce('ada', REFUND, 40)
  },

  async 'break-glass'(stage) {
    await stage.ask('ada', 'PUT /orders/7')
    stage.say('It takes a role, a reason, and somebody else.')
    await stage.command('eve', 'break-glass', 'activate', '--reason', 'curious')
    await stage.command('ada', 'break-glass', 'activate', '--reason', 'orders are stuck')
    const id = stage.id('$glass1')
    await stage.ask('ada', 'PUT /orders/7')
    await stage.command('ada', 'break-glass', 'confirm', id)
    await stage.command('eve', 'break-glass', 'confirm', id)
    await stage.command('ben', 'break-glass', 'confirm', id)
    stage.say('What is done under it is marked; a forbid still wins.')
    await stage.ask('ada', 'PUT /orders/7')
    await stage.ask('ben', 'PUT /orders/7')
    await stage.ask('ada', 'DELETE /orders/7')
    await stage.restart()
    await stage.ask('ada', 'PUT /orders/7')
    stage.say('It ends by itself, and waits for somebody who looks at it.')
    await stage.command('lea', 'break-glass', 'review', id, '--note', 'too early')
    await stage.wait('half an hour', HOUR_MS / 2)
    await stage.ask('ada', 'PUT /orders/7')
    await stage.command('lea', 'break-glass', 'list')
    await stage.wait('three hours', 3 * HOUR_MS)
    await stage.ready()
    await stage.command('lea', 'break-glass', 'list')
    await stage.command('ada', 'break-glass', 'review', id, '--note', 'all fine')
    await stage.command('eve', 'break-glass', 'review', id, '--note', 'all fine')
    await stage.command('lea', 'break-glass', 'review', id, '--note', 'restarted one order')
    await stage.command('lea', 'break-glass', 'list')
  },

  async containment(stage) {
    await stage.ask('ada', 'GET /orders/7')
    stage.say('It takes the role of an operator, and a reason.')
    await stage.command('lea', 'contain', 'principal', 'ada', '--reason', 'key in a public log')
    await stage.command('olga', 'contain', 'principal', 'ada', '--reason', 'key in a public log')
    await stage.ask('ada', 'GET /orders/7')
    await stage.ask('eve', 'GET /orders/7')
    await stage.command('ada', 'contain', 'list')
    await stage.restart()
    await stage.ask('ada', 'GET /orders/7')
    await stage.command('olga', 'contain', 'list')
    const lift = ['contain', 'lift', stage.id('$measure1'), '--reason', 'new key'] as const
    await stage.command('lea', ...lift)
    await stage.command('olga', ...lift)
    await stage.command('olga', ...lift)
    await stage.ask('ada', 'GET /orders/7')
    stage.say('Read-only, for a while, by itself.')
    const gateway = ['contain', 'gateway', '--reason', 'maintenance', '--for', '5m'] as const
    await stage.command('olga', ...gateway)
    await stage.ask('eve', 'GET /orders/7')
    await stage.ask('eve', REFUND)
    await stage.wait('five minutes', 300_000)
    await stage.ask('eve', REFUND)
    stage.say('What is no target is refused with the reason.')
    await stage.command('olga', 'contain', 'address', '10.0.0.0/64', '--reason', 'x')
    await stage.command('olga', 'contain', 'address', '10.1.2.3/8', '--reason', 'x')
    await stage.command('olga', 'contain', 'route', '--reason', 'x')
    stage.say('What is not configured is taken, since it may be tomorrow, and said.')
    await stage.command('olga', 'contain', 'route', 'ordesr', '--reason', 'x')
    await stage.command('olga', 'contain', 'upstream', 'constructor', '--reason', 'x')
    await stage.command('olga', 'contain', 'route', 'orders', '--reason', 'x')
    stage.say('A secret is put on no record: a key is named by its prefix, whatever was given.')
    await stage.command('olga', 'contain', 'credential', LEAKED_KEY, '--reason', 'x')
    await stage.command('olga', 'contain', 'credential', `${LEAKED_KEY}.`, '--reason', 'x')
    await stage.command('olga', 'contain', 'token', TOKEN, '--reason', 'x')
    await stage.command('olga', 'contain', 'principal', 'ada', '--reason', `it had ${LEAKED_KEY}`)
    await stage.command('olga', 'contain', 'lift', LEAKED_KEY, '--reason', 'x')
    await stage.command('olga', 'contain', 'lift', '%zz', '--reason', 'x')
  },
}

/** Where what the flow says is kept, as it was reviewed. */
export function goldenOf(name: string): string {
  return join(import.meta.dirname, `${name}.golden`)
}

/** What the flow said when it was reviewed. */
export function reviewed(name: string): string {
  const golden = goldenOf(name)
  return existsSync(golden) ? readFileSync(golden, 'utf8') : ''
}
