// npm run bench -- policy [--decisions 200000]: thread CPU of one decision, digest and all, over
// 500 policies: as a company has them, and all of them open to everybody so that no index helps.
// Control: Cedar's own engine on the same questions, and the digest of the request by itself.
import { hash } from 'node:crypto'
import { parseArgs } from 'node:util'
import { PolicySet, type Question } from '../packages/gateway/src/policy/index.ts'
import { numberOf } from './run.options.ts'
import type { BenchResult } from './run.ts'

const POLICIES = 500
const ROUTES = 40
const PRINCIPALS = 1000
const GROUPS = 60
/** The first ones warm up; the leanest counts. */
const ROUNDS = 6
/** The engine takes a thousand times as long. */
const ENGINE_SHARE = 0.001
const SALT = 'a5'.repeat(16)

export async function run(): Promise<BenchResult> {
  const { values } = parseArgs({
    args: process.argv.slice(3),
    options: { decisions: { type: 'string', default: '200000' } },
  })
  const decisions = numberOf(values.decisions, 'decisions')
  const questions = makeQuestions()
  const company = [{ name: 'company.cedar', text: companyPolicies() }]
  const open = [{ name: 'open.cedar', text: openPolicies() }]
  const set = PolicySet.compile(company)
  const verdicts = questions.map((question) => set.decide(question, SALT).reason)
  return {
    bench: 'policy',
    figures: {
      policies: set.ids.length,
      decisions,
      permitted: verdicts.filter((reason) => reason === 'policy-permits').length,
      forbidden: verdicts.filter((reason) => reason === 'policy-forbids').length,
      asked: questions.length,
      companyUs: perDecision(set, questions, decisions),
      openUs: perDecision(PolicySet.compile(open), questions, decisions / 10),
      engineUs: perDecision(
        PolicySet.compile(company, 'wasm'),
        questions,
        Math.max(20, decisions * ENGINE_SHARE),
      ),
      controlDigestUs: cpuUs(decisions, digestAlone()),
    },
  }
}

function perDecision(set: PolicySet, questions: readonly Question[], count: number): number {
  return cpuUs(count, (at) => {
    const question = questions[at % questions.length] as Question
    // As in the proxy: the request is new, who asks is known.
    const { principal, action, resource, context } = question
    set.decide(
      { principal, action, resource: { ...resource }, context: { ...context, timeUs: at } },
      SALT,
    )
  })
}

/** Microseconds of this thread's CPU for one of `count` calls, in the leanest round. */
function cpuUs(count: number, call: (at: number) => void): number {
  const rounds: number[] = []
  for (let round = 0; round < ROUNDS; round += 1) {
    const before = process.threadCpuUsage()
    for (let at = 0; at < count; at += 1) call(at)
    const { user, system } = process.threadCpuUsage(before)
    rounds.push((user + system) / count)
  }
  return Number(Math.min(...rounds).toFixed(2))
}

/** SHA-256 of as many bytes as a question has. */
function digestAlone(): (at: number) => void {
  const text = 'x'.repeat(600)
  return (at) => {
    hash('sha256', `${at}${text}`, 'hex')
  }
}

/** Three of five by group, one by name, and some that look closer at a route or at everything. */
function companyPolicies(): string {
  return Array.from({ length: POLICIES }, (_, nth) => {
    const route = `resource == Route::"route-${nth % ROUTES}"`
    const action = nth % 2 === 0 ? 'action in Action::"read"' : 'action in Action::"write"'
    if (nth % 100 === 7) return forbidEverywhere(nth)
    if (nth % 5 === 4) return closerLook(nth, `${action}, ${route}`)
    if (nth % 5 === 3) {
      return `permit (principal == User::"user-${nth % PRINCIPALS}", ${action}, ${route});`
    }
    return `permit (principal in Group::"group-${nth % GROUPS}", ${action}, ${route});`
  }).join('\n')
}

function closerLook(nth: number, scope: string): string {
  return `permit (principal is User, ${scope})
when { principal.hasTag("department") && principal.getTag("department").contains("d${nth % 20}") &&
  context.scopes.contains("write") && resource.path like "/things/*/parts/*" };`
}

function forbidEverywhere(nth: number): string {
  return `forbid (principal, action, resource)
when { resource.path like "*/secret-${nth}*" || context.address.isInRange(ip("203.0.113.0/24")) };`
}

/** Everything is asked of everybody: each policy is evaluated for each request. */
function openPolicies(): string {
  return Array.from({ length: POLICIES }, (_, nth) => {
    return `permit (principal, action, resource) when { resource.host == "host-${nth}.example" &&
  principal.groups.contains("group-${nth % GROUPS}") && resource.path like "/things/*" };`
  }).join('\n')
}

function makeQuestions(): readonly Question[] {
  return Array.from({ length: PRINCIPALS }, (_, nth): Question => {
    const group = (step: number): string => `group-${(nth * step) % GROUPS}`
    return {
      principal: {
        id: `user-${nth}`,
        kind: 'user',
        issuer: 'https://id.example',
        groups: [group(1), group(7), group(11), 'staff'],
        roles: ['employee'],
        scopes: ['read', 'write'],
        claims: { department: [`d${nth % 20}`], tenant: ['acme'] },
      },
      action: nth % 3 === 0 ? 'POST' : 'GET',
      resource: {
        route: `route-${nth % ROUTES}`,
        upstream: 'things',
        host: 'host-7.example',
        path: `/things/${nth}/parts/${nth % 13}`,
        parameters: { thing: String(nth) },
      },
      context: {
        timeUs: 0,
        address: nth % 50 === 0 ? '203.0.113.9' : `10.0.${nth % 200}.7`,
        tls: { version: 'TLSv1.3', cipher: 'TLS_AES_256_GCM_SHA384', serverName: 'host-7.example' },
        credential: 'jwt',
        mfaAtUs: undefined,
        headers: { 'x-tenant': ['acme'] },
        grants: [],
        breakGlass: false,
      },
    }
  })
}
