// A ledger with generated decisions, recorded by the real recorder as the proxy drafts them.
import type { Why } from '@countersign/evidence'
import fc from 'fast-check'
import {
  type PolicyFile,
  PolicySet,
  type Question,
  readParameters,
} from '../../packages/gateway/src/policy/index.ts'
import { draftIntent, draftRefusal } from '../../packages/gateway/src/proxy/drafts.ts'
import type { Exchange } from '../../packages/gateway/src/proxy/exchange.ts'
import { type Recorder, sectionText } from '../../packages/gateway/src/recorder/index.ts'
import { DONE, MadeLedger } from '../tamper/made-ledger.ts'
import { questions } from './generated.ts'

const PATTERNS = ['/orders', '/orders/{id}', '/{x-tenant}/{id}']

/** One decision as it was recorded, and where. */
export interface MadeDecision {
  readonly index: number
  readonly question: Question
}

export interface MadeDecisions {
  readonly ledger: MadeLedger
  readonly recorder: Recorder
  readonly made: readonly MadeDecision[]
}

interface Options {
  readonly count: number
  readonly seed: number
  /** Makes of what is right what is recorded. */
  readonly change?: (why: Why) => Why
}

/** Records the set, then `count` requests that it decides. */
export async function makeDecisions(
  files: readonly PolicyFile[],
  options: Options,
): Promise<MadeDecisions> {
  const ledger = new MadeLedger(options.seed)
  const recorder = await ledger.start()
  const made = await recordDecisions(recorder, PolicySet.compile(files), options)
  await ledger.publish()
  return { ledger, recorder, made }
}

export async function recordDecisions(
  recorder: Recorder,
  set: PolicySet,
  { count, seed, change = (why) => why }: Options,
): Promise<readonly MadeDecision[]> {
  for (const facts of set.records()) await recorder.act('policy', facts)
  const made: MadeDecision[] = []
  for (const [nth, generated] of fc.sample(questions, { numRuns: count, seed }).entries()) {
    const pattern = PATTERNS[nth % PATTERNS.length] ?? ''
    const question = asAsked(generated, pattern)
    const exchange = exchangeOf(recorder, question, pattern)
    const salt = nth.toString(16).padStart(32, '0')
    exchange.requestSalt = salt
    const decision = set.decide(question, salt)
    exchange.decision = decision
    if (decision.allow) {
      const draft = draftIntent(exchange)
      // Mostly it is a text already.
      const why = JSON.parse(sectionText('why', draft.why)) as Why
      const intent = await recorder.intent({ ...draft, why: change(why) })
      await recorder.outcome(intent, DONE)
      made.push({ index: intent.index, question })
    } else {
      const draft = draftRefusal(exchange, decision.reason)
      const { index } = await recorder.refusal({ ...draft, why: change(draft.why) })
      made.push({ index, question })
    }
  }
  return made
}

/** As the proxy asks: nobody has no facts, and parameters are read from the path. */
function asAsked({ principal, resource, context, action }: Question, pattern: string): Question {
  const isNobody = principal.kind === 'anonymous'
  const nothing = { groups: [], roles: [], scopes: [], claims: {} }
  return {
    action,
    principal: isNobody ? { ...principal, ...nothing } : principal,
    resource: { ...resource, parameters: readParameters(pattern, resource.path) },
    context: {
      ...context,
      credential: isNobody ? 'none' : context.credential === 'jwt' ? 'jwt' : 'api-key',
      mfaAtUs: isNobody ? undefined : context.mfaAtUs,
    },
  }
}

/** What the drafts read of an exchange. */
function exchangeOf(recorder: Recorder, question: Question, pattern: string): Exchange {
  const { principal, action, resource, context } = question
  const { address, tls, mfaAtUs } = context
  const peer = { address, port: 50_000, scheme: tls === undefined ? 'http' : 'https', tls }
  const exchange = {
    id: recorder.newExchange(),
    inForce: { configurationSha256: '0'.repeat(64), egressOf: () => undefined },
    inbound: { peer, fields: [], version: '1.1', method: action },
    asked: {
      method: action,
      host: resource.host,
      authority: `${resource.host}:8443`,
      path: resource.path,
      query: undefined,
      bodyBytes: 0,
      traceparent: `00-${'1'.repeat(32)}-${'2'.repeat(16)}-01`,
      takesTrailers: false,
    },
    route: {
      name: resource.route,
      path: pattern,
      upstream: resource.upstream,
      headers: [],
      personal: [],
      operations: [{ name: context.operation, path: pattern }],
    },
    principal,
    credential:
      context.credential === 'none'
        ? undefined
        : { method: context.credential, id: 'k1', expiresAtUs: undefined, mfaAtUs },
    question,
    breakGlass: context.breakGlass ? 'activation' : undefined,
  }
  return exchange as unknown as Exchange
}
