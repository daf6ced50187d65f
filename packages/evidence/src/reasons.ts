/** What one reason code says, to whom. */
export interface ReasonRule {
  /** The HTTP status of the answer. */
  readonly status: number
  /** One sentence: what is the case. */
  readonly meaning: string
  /** One sentence: what to do about it. */
  readonly advice: string
}

const RETRY = 'Try again after a moment.'
const FIX_REQUEST = 'Correct the request; the same bytes will be refused again.'
const ASK_OPERATOR = 'Ask the operator of the gateway.'

/** Every reason for a verdict or an error; in records, answers, metrics and documents alike. */
export const REASONS = {
  'policy-permits': {
    status: 200,
    meaning: 'A policy permits the request and none forbids it.',
    advice: 'Nothing needs to be done.',
  },
  'no-policy-permits': {
    status: 403,
    meaning: 'No policy permits the request.',
    advice: 'Ask for a policy that permits it.',
  },
  'policy-forbids': {
    status: 403,
    meaning: 'A policy forbids the request.',
    advice: 'Ask the owner of the policy that the record names.',
  },
  'policy-failed': {
    status: 403,
    meaning: 'A policy could not be evaluated, so nothing is permitted.',
    advice: 'Correct the policy that the record names.',
  },
  'redaction-matters': {
    status: 403,
    meaning: 'What is redacted in the record of this request would change the decision.',
    advice: 'Send no credential, and nothing that looks like one, in the path or in headers.',
  },
  'approval-needed': {
    status: 403,
    meaning: 'The request would be permitted if somebody approved it.',
    advice: 'Ask for the approval that the answer names, then send the request again.',
  },
  'credentials-missing': {
    status: 401,
    meaning: 'The request carries no credentials.',
    advice: 'Send an API key or an access token as a bearer token.',
  },
  'credentials-malformed': {
    status: 401,
    meaning: 'The credentials do not have the form of any method that is accepted here.',
    advice: 'Send an API key or an access token as a bearer token.',
  },
  'credentials-invalid': {
    status: 401,
    meaning: 'The credentials are not known here.',
    advice: 'Use credentials that were issued for this gateway.',
  },
  'credentials-expired': {
    status: 401,
    meaning: 'The credentials have expired.',
    advice: 'Get new credentials.',
  },
  'credentials-revoked': {
    status: 401,
    meaning: 'The credentials were revoked.',
    advice: 'Get new credentials.',
  },
  'credentials-unverifiable': {
    status: 503,
    meaning: 'The credentials cannot be checked now: their issuer does not answer.',
    advice: RETRY,
  },
  'credentials-ambiguous': {
    status: 400,
    meaning: 'The request carries more than one set of credentials.',
    advice: 'Send one Authorization header, and no session cookie or signature beside it.',
  },
  'insufficient-scope': {
    status: 403,
    meaning: 'The credentials are not good for what the route asks for.',
    advice: 'Get credentials with the scopes that the answer names.',
  },
  'role-missing': {
    status: 403,
    meaning: 'The control plane lets only certain roles do this.',
    advice: 'Ask whoever keeps `admin.roles` of the configuration.',
  },
  'cross-origin': {
    status: 403,
    meaning: 'A page of another site asks the control plane for something.',
    advice: 'Ask from the command line, or from the gateway’s own page.',
  },
  'proof-missing': {
    status: 401,
    meaning: 'The token is bound to a key, and nothing shows that the caller holds it.',
    advice: 'Send a DPoP proof, or connect with the client certificate that the token names.',
  },
  'proof-invalid': {
    status: 401,
    meaning: 'What should show that the caller holds the key of the token does not show it.',
    advice: 'Make a proof for this request, with the key that the token was issued for.',
  },
  'proof-replayed': {
    status: 401,
    meaning: 'The proof was used before.',
    advice: 'Make a new proof for each request.',
  },
  'proof-nonce': {
    status: 401,
    meaning: 'The proof has to contain a nonce of this gateway.',
    advice: 'Make a new proof with the nonce of the DPoP-Nonce header.',
  },
  'proof-unavailable': {
    status: 503,
    meaning:
      'More proofs are in use than can be remembered, so this one cannot be told from a replay.',
    advice: RETRY,
  },
  'certificate-refused': {
    status: 401,
    meaning: 'The client certificate is missing, not valid, or not known here.',
    advice: 'Connect with a certificate that one of the authorities of this listener has issued.',
  },
  'signature-invalid': {
    status: 401,
    meaning: 'The signature of the request is not valid, or does not cover what it must.',
    advice: 'Sign the components that the gateway requires, with a key that it knows.',
  },
  'body-digest-mismatch': {
    status: 400,
    meaning: 'The body is not the one whose digest was signed.',
    advice: 'The body did not reach the upstream whole; sign the digest of the body that is sent.',
  },
  quarantined: {
    status: 403,
    meaning: 'What the request comes from or goes to is under quarantine.',
    advice: ASK_OPERATOR,
  },
  'read-only': {
    status: 503,
    meaning: 'The gateway takes only requests that change nothing for now.',
    advice: RETRY,
  },
  'approval-refused': {
    status: 403,
    meaning: 'The approval that the request names cannot be used for it, or not again.',
    advice: 'Ask without naming an approval; where one is needed, the answer says which.',
  },
  'approvals-full': {
    status: 429,
    meaning: 'Too many approvals wait for an answer.',
    advice: 'Have those answered that were asked for before.',
  },
  'login-required': {
    status: 302,
    meaning: 'The page is for people who have signed in.',
    advice: 'Follow the redirect to the identity provider.',
  },
  'cross-site-refused': {
    status: 403,
    meaning: 'A request that changes something came with a session, but from another site.',
    advice: 'Send it from a page of this site, or with credentials of its own.',
  },
  'route-not-found': {
    status: 404,
    meaning: 'No route leads from this host and path to an upstream.',
    advice: 'Check host and path, or add a route.',
  },
  'method-not-allowed': {
    status: 405,
    meaning: 'The method is not served here.',
    advice: 'Use a method that the route allows.',
  },
  'host-mismatch': {
    status: 421,
    meaning: 'The host of the request is not the one that the connection was made for.',
    advice: 'Open a connection for this host.',
  },
  'malformed-request': {
    status: 400,
    meaning: 'The bytes received are not one well-formed HTTP request.',
    advice: FIX_REQUEST,
  },
  'connection-flooded': {
    status: 429,
    meaning: 'The connection asked for more that is no request than its limits allow.',
    advice: 'Let requests end; send fewer resets, settings, pings and empty frames.',
  },
  'malformed-host': {
    status: 400,
    meaning: 'The host is missing, given twice or not a host and port.',
    advice: FIX_REQUEST,
  },
  'malformed-target': {
    status: 400,
    meaning: 'The request target is not a path of this origin.',
    advice: FIX_REQUEST,
  },
  'malformed-framing': {
    status: 400,
    meaning: 'Where the request body ends is not certain.',
    advice: FIX_REQUEST,
  },
  'ambiguous-path': {
    status: 400,
    meaning: 'The path could mean different resources to different readers.',
    advice: 'Send the path without encoded separators, dot segments or control bytes.',
  },
  'ambiguous-header': {
    status: 400,
    meaning: 'A header could mean different things to different readers.',
    advice: FIX_REQUEST,
  },
  'uri-too-long': {
    status: 414,
    meaning: 'The request target is longer than the limit.',
    advice: 'Shorten the path or the query.',
  },
  'head-too-large': {
    status: 431,
    meaning: 'The request head is larger than the limit or has too many fields.',
    advice: 'Send fewer or shorter headers.',
  },
  'body-too-large': {
    status: 413,
    meaning: 'The request body is larger than the limit.',
    advice: 'Send a smaller body, or ask for a larger limit on the route.',
  },
  'record-too-large': {
    status: 431,
    meaning: 'What the record of this request must hold is larger than a record may be.',
    advice: 'Send fewer or shorter headers.',
  },
  'expectation-failed': {
    status: 417,
    meaning: 'The expectation is not supported.',
    advice: 'Send no Expect header, or 100-continue.',
  },
  'upgrade-refused': {
    status: 501,
    meaning: 'Changing the protocol of the connection is not supported.',
    advice: 'Send a plain request.',
  },
  'handshake-malformed': {
    status: 400,
    meaning: 'The request asks for a WebSocket, but not as RFC 6455 says.',
    advice: FIX_REQUEST,
  },
  'websocket-version': {
    status: 426,
    meaning: 'The version of the WebSocket protocol is not supported.',
    advice: 'Use version 13.',
  },
  'origin-refused': {
    status: 403,
    meaning: 'A page of another site asks for a WebSocket.',
    advice: 'Connect from a page of this site, or have its origin named on the route.',
  },
  'malformed-frame': {
    status: 400,
    meaning: 'A frame breaks the rules of the WebSocket protocol.',
    advice: FIX_REQUEST,
  },
  'message-too-large': {
    status: 413,
    meaning: 'A message is larger than the limit.',
    advice: 'Send smaller messages.',
  },
  'idle-timeout': {
    status: 408,
    meaning: 'Nothing has passed for longer than the limit.',
    advice: 'Send a ping, or an event that says nothing, now and then.',
  },
  'coding-refused': {
    status: 501,
    meaning: 'The transfer coding is not supported.',
    advice: 'Send the body with a length, or chunked and nothing else.',
  },
  'version-refused': {
    status: 505,
    meaning: 'The version of HTTP is not supported.',
    advice: 'Use HTTP/1.1, or HTTP/2 where the listener offers it.',
  },
  'request-timeout': {
    status: 408,
    meaning: 'The request head did not arrive in time.',
    advice: RETRY,
  },
  'body-timeout': {
    status: 408,
    meaning: 'The request body did not arrive in time.',
    advice: RETRY,
  },
  'client-aborted': {
    status: 499,
    meaning: 'The client went away before the exchange had ended.',
    advice: 'Nothing can be done here; the client may ask again.',
  },
  'upstream-unreachable': {
    status: 502,
    meaning: 'No connection to the upstream could be made.',
    advice: 'Check that the upstream runs and can be reached.',
  },
  'upstream-untrusted': {
    status: 502,
    meaning: 'The upstream did not show that it is the one that is configured.',
    advice: 'Look at its certificate; the record says what is wrong with it.',
  },
  'upstream-overloaded': {
    status: 503,
    meaning: 'As many requests as a limit of this upstream allows are going on or waiting.',
    advice: RETRY,
  },
  'upstream-unavailable': {
    status: 503,
    meaning: 'No target of the upstream is healthy, so none was asked.',
    advice: 'Try again later; the operator should look at the targets.',
  },
  'upstream-protocol': {
    status: 502,
    meaning: 'The upstream answered with something that is not a well-formed response.',
    advice: 'Check the upstream; its answer was not passed on.',
  },
  'upstream-aborted': {
    status: 502,
    meaning: 'The upstream broke off its response.',
    advice: 'The request may have taken effect: check before repeating it.',
  },
  'upstream-timeout': {
    status: 504,
    meaning: 'The upstream did not answer in time.',
    advice: 'The request may have taken effect: check before repeating it.',
  },
  'exchange-timeout': {
    status: 504,
    meaning: 'The whole exchange took longer than the limit.',
    advice: 'The request may have taken effect: check before repeating it.',
  },
  'ledger-unavailable': {
    status: 503,
    meaning: 'The request cannot be recorded, so it was not forwarded.',
    advice: 'Try again later; the operator should look at the disk of the ledger.',
  },
  'disk-reserve': {
    status: 503,
    meaning: 'The disk of the ledger is nearly full: what is left is not for traffic.',
    advice: 'Try again later; the operator should make room on the disk of the ledger.',
  },
  'outcome-unrecorded': {
    status: 502,
    meaning:
      'The request was forwarded, but its outcome cannot be recorded, so it is not released.',
    advice: 'Do not repeat it blindly: it may have taken effect.',
  },
  'capture-unavailable': {
    status: 503,
    meaning: 'The request body cannot be kept as the route demands, so it is not forwarded.',
    advice: RETRY,
  },
  'capture-failed': {
    status: 502,
    meaning: 'The request was forwarded, but a body that must be kept cannot be.',
    advice: 'Do not repeat it blindly: it may have taken effect.',
  },
  'rate-limited': {
    status: 429,
    meaning: 'More requests came than a limit of this route allows.',
    advice: 'Try again after the time that Retry-After names.',
  },
  'quota-exhausted': {
    status: 429,
    meaning: 'What a quota of this route allows is used up.',
    advice: 'Try again after the time that Retry-After names, or ask for a larger quota.',
  },
  'concurrency-limited': {
    status: 429,
    meaning: 'As many requests as a limit of this route allows are going on.',
    advice: 'Wait until one of them has ended.',
  },
  'limits-unavailable': {
    status: 503,
    meaning: 'The limits of this route cannot be counted now, so the request was not forwarded.',
    advice: 'Try again later; the operator should look at the store of the quotas.',
  },
  overloaded: {
    status: 503,
    meaning: 'The gateway has more to do than it can.',
    advice: RETRY,
  },
  'certificate-pending': {
    status: 503,
    meaning: 'The listener has no certificate yet, so no handshake can be completed.',
    advice: 'Try again later; the operator should look at what the certificate authority says.',
  },
  'shutting-down': {
    status: 503,
    meaning: 'The gateway is stopping.',
    advice: RETRY,
  },
  'internal-error': {
    status: 500,
    meaning: 'The gateway failed in a way that is its own fault.',
    advice: ASK_OPERATOR,
  },
} as const satisfies { readonly [code: string]: ReasonRule }

/** A reason code. */
export type Reason = keyof typeof REASONS

/** Says whether `code` is a reason that this version knows. */
export function isReason(code: string): code is Reason {
  return Object.hasOwn(REASONS, code)
}
