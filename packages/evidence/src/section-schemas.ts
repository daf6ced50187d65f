import { KINDS } from './kinds.ts'
import { MESSAGES_LISTED_MAX } from './message-chain.ts'
import type { ObjectSchema, Schema } from './schema.ts'
import { strictObject } from './schema.ts'
import type {
  BodyFacts,
  CapturableBody,
  CapturedFacts,
  CloseFacts,
  Credential,
  FailedAttemptFacts,
  Forwarded,
  GrpcFacts,
  How,
  InspectionFacts,
  LimitFacts,
  MessageCounts,
  MessageDigests,
  PersonalSection,
  PhaseTimings,
  Principal,
  Progress,
  RecordPlace,
  RedactionFacts,
  SampleFacts,
  Seal,
  TlsFacts,
  Via,
  What,
  When,
  Where,
  Who,
  Why,
} from './section-types.ts'
import * as term from './terms.ts'

const PLACE = strictObject<RecordPlace>({ epoch: term.COUNT, index: term.COUNT }, {})

export const WHEN = strictObject<When>(
  {
    v: { const: 1 },
    kind: term.oneWordOf(Object.keys(KINDS)),
    id: term.UUID,
    at: term.TIME,
    gateway: term.TEXT,
    incarnation: term.COUNT,
  },
  {
    exchange: term.UUID,
    about: PLACE,
    clock: term.oneWordOf(['behind', 'ahead', 'unknown']),
    recording: term.oneWordOf(['relaxed']),
  },
)

const PRINCIPAL = strictObject<Principal>(
  { id: term.TEXT, kind: term.oneWordOf(['user', 'service', 'anonymous']) },
  { issuer: term.TEXT },
)

const CREDENTIAL = strictObject<Credential>(
  { method: term.TEXT },
  {
    id: term.TEXT,
    sha256: term.SHA256,
    expires: term.TIME,
    authenticated: term.TIME,
    mfa: term.TIME,
    proof: term.TEXT,
  },
)

export const WHO = strictObject<Who>(
  { principal: PRINCIPAL },
  { credential: CREDENTIAL, facts: term.FACTS, requestSalt: term.SALT },
)

const TLS = strictObject<TlsFacts>(
  { version: term.TEXT, cipher: term.TEXT },
  { serverName: term.TEXT, alpn: term.TEXT, clientCertificateSha256: term.SHA256 },
)

export const WHERE = strictObject<Where>(
  { address: term.TEXT },
  {
    port: term.PORT,
    forwarded: term.list(term.TEXT, 128),
    tls: TLS,
    userAgent: term.TEXT,
  },
)

const BODY = strictObject<BodyFacts>({ bytes: term.COUNT }, { sha256: term.SHA256 })

const CAPTURED = strictObject<CapturedFacts>(
  {
    sha256: term.SHA256,
    bytes: term.COUNT,
    algorithm: term.TEXT,
    key: term.KEY_ID,
    contentBytes: term.COUNT,
    contentSha256: term.SHA256,
  },
  {
    type: term.TEXT,
    coding: term.TEXT,
    decoded: term.TEXT,
    truncated: term.TRUE,
    redactions: term.list(
      strictObject<RedactionFacts>({ rule: term.TEXT, count: term.COUNT }, {}),
      128,
    ),
  },
)

const CAPTURE = { captured: CAPTURED, uncaptured: term.REASON }

const CAPTURABLE = strictObject<CapturableBody>(
  { bytes: term.COUNT },
  { sha256: term.SHA256, ...CAPTURE },
)

const SAMPLE = strictObject<SampleFacts>(
  { perMillion: term.integer(1_000_000), drawn: term.integer(999_999) },
  {},
)

const WHAT_MEMBERS = {
  method: term.TEXT,
  scheme: term.oneWordOf(['http', 'https']),
  authority: term.TEXT,
  path: term.TEXT,
}

const WHAT_OPTIONS = {
  query: term.TEXT,
  protocol: term.TEXT,
  route: term.TEXT,
  operation: term.TEXT,
  headers: term.map(term.list(term.TEXT, 1024), 256),
  body: strictObject<NonNullable<What['body']>>(
    {},
    { bytes: term.COUNT, sha256: term.SHA256, ...CAPTURE },
  ),
  sample: SAMPLE,
  traceparent: term.form('^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$'),
  forwarded: strictObject<Forwarded>(
    {},
    { authority: term.TEXT, path: term.TEXT, credential: term.TEXT },
  ),
}

/** Of refusals: a request may be refused before all of it is understood. */
export const WHAT = strictObject<What>({}, { ...WHAT_MEMBERS, ...WHAT_OPTIONS })

type Asked = What & Required<Pick<What, keyof typeof WHAT_MEMBERS>>

/** Of intents: what is forwarded is known. */
export const WHAT_FORWARDED = strictObject<Asked>(WHAT_MEMBERS, WHAT_OPTIONS)

const LIMIT = strictObject<LimitFacts>({ name: term.TEXT, limit: term.COUNT, used: term.COUNT }, {})

const INSPECTION = strictObject<InspectionFacts>({ rule: term.TEXT, target: term.TEXT }, {})

export const WHY = strictObject<Why>(
  { verdict: term.oneWordOf(['allow', 'deny']), reason: term.REASON },
  {
    policies: term.list(term.TEXT, 1024),
    policySetSha256: term.SHA256,
    configurationSha256: term.SHA256,
    requestSha256: term.SHA256,
    facts: term.FACTS,
    limits: term.list(LIMIT, 64),
    inspection: term.list(INSPECTION, 1024),
  },
)

const TIMINGS = strictObject<PhaseTimings>(
  {},
  { connectUs: term.COUNT, sentUs: term.COUNT, headUs: term.COUNT, endUs: term.COUNT },
)

const FAILED_ATTEMPT = strictObject<FailedAttemptFacts>(
  { address: term.TEXT, fault: term.TEXT, endUs: term.COUNT },
  {},
)

const VIA_MEMBERS = strictObject<Via>(
  { upstream: term.TEXT, attempts: term.integer(100) },
  {
    address: term.TEXT,
    timings: TIMINGS,
    status: term.STATUS,
    response: BODY,
    target: term.TEXT,
    fault: term.TEXT,
    failed: term.list(FAILED_ATTEMPT, 100),
  },
)

// In the order in which writers write them: what is written so is checked without being parsed.
export const VIA: ObjectSchema = {
  ...VIA_MEMBERS,
  properties: { upstream: term.TEXT, address: term.TEXT, ...VIA_MEMBERS.properties },
}

const DIGESTS = strictObject<MessageDigests>(
  {
    first: term.COUNT,
    listed: term.list(term.SHA256, MESSAGES_LISTED_MAX),
    chain: term.SHA256,
  },
  {},
)

const MESSAGES = strictObject<MessageCounts>(
  { request: term.COUNT, response: term.COUNT },
  {
    digests: strictObject<NonNullable<MessageCounts['digests']>>(
      { request: DIGESTS, response: DIGESTS },
      {},
    ),
  },
)

const CLOSE = strictObject<CloseFacts>(
  { code: term.integer(4999), by: term.oneWordOf(['client', 'upstream', 'gateway']) },
  {},
)

export const HOW = strictObject<How>(
  { ended: term.oneWordOf(['released', 'client-aborted', 'upstream-aborted', 'interrupted']) },
  {
    status: term.STATUS,
    source: term.oneWordOf(['upstream', 'gateway']),
    error: term.REASON,
    request: CAPTURABLE,
    response: CAPTURABLE,
    messages: MESSAGES,
    close: CLOSE,
    grpc: strictObject<GrpcFacts>({ status: term.COUNT }, { timeoutMs: term.COUNT }),
  },
)

/** Of a progress: nothing has ended. */
export const HOW_FAR = strictObject<Progress>(
  { request: BODY, response: BODY },
  { messages: MESSAGES },
)

const SEAL_KEYS = strictObject<{ readonly [name in PersonalSection]?: string }>(
  {},
  {
    who: term.KEY_ID,
    actor: term.KEY_ID,
    where: term.KEY_ID,
    what: term.KEY_ID,
    how: term.KEY_ID,
  },
)

export const SEAL = strictObject<Seal>({ keys: SEAL_KEYS }, { shared: term.TRUE })

/** The schemas of the sections whose form does not depend on the kind of record. */
export const COMMON_SCHEMAS = {
  when: WHEN,
  actor: WHO,
  where: WHERE,
  why: WHY,
  via: VIA,
  how: HOW,
  seal: SEAL,
} as const satisfies { readonly [section: string]: Schema }
