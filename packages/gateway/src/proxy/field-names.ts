/** What a rule of the proxy says of a field, by name: each rule is the list of those it marks. */
type Mark =
  /** Speaks of one connection only (RFC 9110, section 7.6.1): it never goes on. */
  | 'hop'
  /** Only the gateway says it to an upstream: a caller's is taken out, whoever the caller is. */
  | 'ask'
  /** Only the gateway says it to a caller: an upstream's is taken out. */
  | 'tell'
  /** No route sets or removes it: framing, the connection, who says what, secrets. */
  | 'fixed'
  /** No route lets it pass as a trailer: it frames or routes a message, or says who sends it. */
  | 'head'

const MARKS: { readonly [name: string]: readonly Mark[] } = {
  connection: ['hop', 'fixed', 'head'],
  'keep-alive': ['hop', 'fixed', 'head'],
  'proxy-connection': ['hop', 'fixed'],
  'proxy-authenticate': ['hop', 'fixed'],
  'proxy-authorization': ['hop', 'fixed'],
  'proxy-authentication-info': ['hop', 'fixed'],
  te: ['hop', 'fixed', 'head'],
  trailer: ['hop', 'fixed', 'head'],
  'transfer-encoding': ['hop', 'fixed', 'head'],
  upgrade: ['hop', 'fixed', 'head'],
  'http2-settings': ['hop', 'fixed', 'head'],

  host: ['ask', 'fixed', 'head'],
  expect: ['ask', 'fixed', 'head'],
  'content-length': ['ask', 'tell', 'fixed'],
  authorization: ['ask', 'fixed', 'head'],
  forwarded: ['ask', 'fixed', 'head'],
  via: ['ask', 'fixed', 'head'],
  'x-request-id': ['ask', 'tell', 'fixed', 'head'],
  traceparent: ['ask', 'fixed'],
  ratelimit: ['tell', 'fixed'],
  'ratelimit-policy': ['tell', 'fixed'],
  date: ['fixed', 'head'],

  proxy: ['ask'],
  'x-real-ip': ['ask'],
  'x-client-ip': ['ask'],
  'x-cluster-client-ip': ['ask'],
  'true-client-ip': ['ask'],
  'cf-connecting-ip': ['ask'],
  'x-forwardedfor': ['ask'],
  'x-originating-ip': ['ask'],
  'x-host': ['ask'],
  'x-scheme': ['ask'],
  'x-url-scheme': ['ask'],
  'front-end-https': ['ask'],
  'x-rewrite-url': ['ask'],
  'x-http-method': ['ask'],
  'x-http-method-override': ['ask'],
  'x-method-override': ['ask'],
  'x-http-path-override': ['ask'],
  'x-webauth-user': ['ask'],
  'x-user': ['ask'],
  'x-user-id': ['ask'],
  'x-groups': ['ask'],
  'x-roles': ['ask'],
  // A proof is for whoever it names, and used up; certificates are for the TLS peer to show.
  dpop: ['ask', 'head'],
  'client-cert': ['ask'],
  'client-cert-chain': ['ask'],
  'x-client-cert': ['ask'],
  'x-client-certificate': ['ask'],
  'x-amzn-mtls-clientcert': ['ask'],

  range: ['head'],
  cookie: ['head'],
  'set-cookie': ['head'],
  age: ['head'],
  expires: ['head'],
  location: ['head'],
  'retry-after': ['head'],
  vary: ['head'],
  'cache-control': ['head'],
}

function marked(mark: Mark): ReadonlySet<string> {
  const rows = Object.entries(MARKS).filter(([, marks]) => marks.includes(mark))
  return new Set(rows.map(([name]) => name))
}

export const HOP_BY_HOP: ReadonlySet<string> = marked('hop')
const ASK = marked('ask')
const ASK_FORM =
  /^(?:(?:x-(?:forwarded|original|remote|auth|authenticated|countersign|envoy|ssl|client-cert)|countersign|remote|ssl-client)(?:-|$)|x-(?:goog-authenticated-user|ms-client-principal)(?:-|$))/
const TELL = marked('tell')
const TELL_PREFIX = 'countersign-'
const FIXED = marked('fixed')
const FIXED_FORM = /^(?:countersign|x-countersign|x-forwarded|sec-websocket)-/
const HEAD = marked('head')
const HEAD_FORM = /^(?:content|proxy|www|if|x-forwarded|x-auth|countersign|x-countersign)-/

const PLAIN = /^[a-z0-9-]*$/

/**
 * One name for all that some reader takes for the same one: CGI knows no case, and servers make `_`
 * of `-`, some of everything else that is neither letter nor digit.
 */
export function lookAlike(name: string): string {
  const lowerCase = name.toLowerCase()
  return PLAIN.test(lowerCase) ? lowerCase : lowerCase.replaceAll(/[^a-z0-9]/g, '-')
}

/** Names are as `lookAlike` gives them. */
export function isOursToAsk(name: string): boolean {
  return ASK.has(name) || ASK_FORM.test(name)
}

export function isOursToTell(name: string): boolean {
  return TELL.has(name) || name.startsWith(TELL_PREFIX)
}

export function isFixed(name: string): boolean {
  return FIXED.has(name) || FIXED_FORM.test(name)
}

export function mayTrail(name: string): boolean {
  return !HEAD.has(name) && !HEAD_FORM.test(name)
}
