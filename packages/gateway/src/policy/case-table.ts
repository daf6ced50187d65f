import { z } from 'zod'
import { readParameters } from './path-pattern.ts'
import type { Decision, PolicySet } from './policy-set.ts'
import type { Asker, Question } from './question.ts'
import { METHODS } from './schema.ts'

const texts = z.array(z.string())

const principalSchema = z.strictObject({
  id: z.string().min(1),
  kind: z.enum(['user', 'service', 'anonymous']).default('user'),
  issuer: z.string().default('keys'),
  groups: texts.default([]),
  roles: texts.default([]),
  scopes: texts.default([]),
  claims: z.record(z.string(), texts).default({}),
})

const tlsSchema = z.strictObject({
  version: z.string().default('TLSv1.3'),
  cipher: z.string().default('TLS_AES_256_GCM_SHA384'),
  serverName: z.string().optional(),
  alpn: z.string().optional(),
  clientCertificateSha256: z.string().optional(),
})

/** The facts of a case; whatever it does not say, `given` says, or else the gateway's default. */
const factsSchema = z.strictObject({
  principal: z.union([z.string(), principalSchema]).optional().describe('a name, or who it is'),
  method: z.enum(METHODS).optional(),
  route: z.string().optional(),
  pattern: z.string().optional().describe('path of the route, where it has parameters'),
  upstream: z.string().optional(),
  host: z.string().optional(),
  path: z.string().startsWith('/').optional(),
  time: z.iso.datetime({ offset: true }).optional(),
  address: z.string().optional(),
  tls: z.union([z.boolean(), tlsSchema]).optional(),
  operation: z.string().optional().describe('as the route names it'),
  credential: z.string().optional(),
  mfaAgeSeconds: z.number().min(0).optional(),
  headers: z.record(z.string(), texts).optional(),
  grants: texts.optional(),
  breakGlass: z.boolean().optional(),
})

const REASONS = [
  'policy-permits',
  'no-policy-permits',
  'policy-forbids',
  'policy-failed',
  'approval-needed',
] as const satisfies readonly Decision['reason'][]

const caseSchema = factsSchema.extend({
  name: z.string().min(1),
  expect: z.enum(['allow', 'deny', ...REASONS]).describe('verdict or reason'),
  policies: texts.optional().describe('ids of the policies that decide, in any order'),
  approvals: texts.optional().describe('templates of approvals that are needed, or were used'),
})

/** A file of cases for a set of policies: question, verdict, deciding policies. */
export const caseTableSchema = z.strictObject({
  policies: z.string().min(1).default('.').describe('directory, relative to this file'),
  principals: z.record(z.string(), principalSchema).default({}),
  given: factsSchema.prefault({}).describe('facts of every case that does not say otherwise'),
  cases: z.array(caseSchema).min(1),
})

export type CaseTable = z.infer<typeof caseTableSchema>
type Facts = z.infer<typeof factsSchema>

/** How one case ended; `failures` is empty where it is as expected. */
export interface CaseResult {
  readonly name: string
  /** Undefined where nothing could be asked. */
  readonly decision: Decision | undefined
  readonly failures: readonly string[]
}

const NOBODY: Asker = {
  id: 'anonymous',
  kind: 'anonymous',
  issuer: 'none',
  groups: [],
  roles: [],
  scopes: [],
  claims: {},
}

const NO_SALT = '0'.repeat(32)

export function runCases(set: PolicySet, table: CaseTable): readonly CaseResult[] {
  return table.cases.map(({ name, expect, policies, approvals, ...facts }) => {
    const question = questionOfCase({ ...table.given, ...facts }, table.principals)
    if (typeof question === 'string') {
      return { name, decision: undefined, failures: [question] }
    }
    const decision = set.decide(question, NO_SALT)
    const failures = [
      ...differs('verdict', expect, verdictLike(expect, decision)),
      ...differs('policies', listed(policies), policies && listed(decision.policies)),
      ...differs('approvals', listed(approvals), approvals && listed(decision.approvals)),
    ]
    return { name, decision, failures }
  })
}

function verdictLike(expected: string, { allow, reason }: Decision): string {
  if (expected !== 'allow' && expected !== 'deny') return reason
  return allow ? 'allow' : 'deny'
}

function listed(ids: readonly string[] | undefined): string | undefined {
  return ids === undefined ? undefined : ids.toSorted().join(', ') || 'none'
}

function differs(
  what: string,
  expected: string | undefined,
  actual: string | undefined,
): readonly string[] {
  return expected === actual ? [] : [`${what}: expected ${expected}, got ${actual}`]
}

/** The question of a case; a text where it cannot be asked. */
function questionOfCase(facts: Facts, principals: CaseTable['principals']): Question | string {
  const { principal = NOBODY, path = '/', pattern = '', tls = false, headers = {} } = facts
  const asker = typeof principal === 'string' ? namedAsker(principal, principals) : principal
  if (asker === undefined) return 'its principal is a name that principals does not have'
  const timeUs = Date.parse(facts.time ?? DEFAULT_TIME) * 1000
  const { mfaAgeSeconds } = facts
  return {
    principal: asker,
    action: facts.method ?? 'GET',
    resource: {
      route: facts.route ?? 'main',
      upstream: facts.upstream ?? 'main',
      host: facts.host ?? 'localhost',
      path,
      parameters: readParameters(pattern, path),
    },
    context: {
      timeUs,
      address: facts.address ?? '127.0.0.1',
      tls: tlsOf(tls),
      operation: facts.operation,
      credential: facts.credential ?? (asker.kind === 'anonymous' ? 'none' : 'api-key'),
      mfaAtUs: mfaAgeSeconds === undefined ? undefined : timeUs - mfaAgeSeconds * 1_000_000,
      headers: Object.fromEntries(
        Object.entries(headers).map(([name, values]) => [name.toLowerCase(), values]),
      ),
      grants: facts.grants ?? [],
      breakGlass: facts.breakGlass ?? false,
    },
  }
}

/** A Monday at noon. */
const DEFAULT_TIME = '2026-01-05T12:00:00Z'

function namedAsker(name: string, principals: CaseTable['principals']): Asker | undefined {
  if (Object.hasOwn(principals, name)) return principals[name]
  return name === 'anonymous' ? NOBODY : undefined
}

function tlsOf(tls: NonNullable<Facts['tls']>): Question['context']['tls'] {
  if (tls === false) return undefined
  const { version, cipher, serverName, alpn, clientCertificateSha256 } =
    tls === true ? tlsSchema.parse({}) : tls
  return {
    version,
    cipher,
    ...(serverName === undefined ? {} : { serverName }),
    ...(alpn === undefined ? {} : { alpn }),
    ...(clientCertificateSha256 === undefined ? {} : { clientCertificateSha256 }),
  }
}
