import { z } from 'zod'
import { acmeSchema } from '../acme/index.ts'
import { METHODS } from '../policy/index.ts'
import { captureSchema } from './capture/capture-config.ts'
import { forwardedSchema, proxyProtocolSchema } from './client-address/config.ts'
import { mayTrail } from './field-names.ts'
import { fieldRulesSchema } from './field-rules.ts'
import {
  hasDistinctParameters,
  OPERATIONS_MAX,
  operationSchema,
  operationsFault,
  ROUTE_PATH,
} from './operations.ts'
import { pathRewriteSchema, unknownParameters } from './path-rewrite.ts'

const name = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/, 'is not a short plain name')
const headerName = z.string().regex(/^[A-Za-z0-9-]{1,100}$/, 'is not a header name')
const hostName = z
  .string()
  .toLowerCase()
  .regex(/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/, 'is not a host name')

const clientCertificatesSchema = z
  .strictObject({
    authorities: z.array(z.string().min(1)).default([]).describe('PEM files'),
    spiffe: name
      .optional()
      .describe('the item of identity.spiffe whose authorities are believed, and no others'),
    revocations: z
      .array(z.string().min(1))
      .default([])
      .describe('revocation lists, PEM files; one for each authority of a chain'),
    show: z
      .enum(['required', 'optional'])
      .default('optional')
      .describe('required: nothing is served on a connection without one'),
  })
  .refine(({ authorities, spiffe }) => authorities.length > 0 !== (spiffe !== undefined), {
    message: 'names authorities or spiffe: one of them',
  })
  .describe('client certificates that are asked for and believed')

/** One item of `listeners`. */
export const listenerSchema = z.strictObject({
  name,
  host: z.string().min(1).default('127.0.0.1').describe('address to listen on'),
  port: z.int().min(0).max(65_535).describe('0: any free port'),
  tls: z
    .strictObject({
      certificate: z
        .string()
        .min(1)
        .optional()
        .describe('PEM file: certificate, then its chain; in its place: acme'),
      key: z.string().min(1).optional().describe('PEM file'),
      acme: acmeSchema.optional(),
      further: z
        .array(
          z.strictObject({
            certificate: z.string().min(1).describe('PEM file: certificate, then its chain'),
            key: z.string().min(1).describe('PEM file'),
          }),
        )
        .max(1000)
        .default([])
        .describe('certificates of further names, chosen by the name a client asks for (SNI)'),
      clientCertificates: clientCertificatesSchema.optional(),
    })
    .refine(({ certificate, key }) => (certificate === undefined) === (key === undefined), {
      message: 'certificate and key belong together',
    })
    .refine(({ certificate, acme }) => (certificate === undefined) !== (acme === undefined), {
      message: 'has either certificate and key, or acme',
    })
    .optional()
    .describe('TLS 1.2 or 1.3'),
  protocols: z
    .array(z.enum(['h2', 'http/1.1']))
    .min(1)
    .optional()
    .describe('without it: both with TLS, by ALPN; http/1.1 without'),
  externalUrl: z
    .url({ protocol: /^https?$/ })
    .refine(isOrigin, 'is more than scheme, host and port')
    .optional()
    .describe('where clients reach it, if not as they say; what proofs and signatures must name'),
  proxyProtocol: proxyProtocolSchema.optional(),
  forwarded: forwardedSchema.optional(),
})

/** One item of `routes`. */
export const routeSchema = z
  .strictObject({
    name,
    hosts: z.array(hostName).min(1).optional().describe('without it: any host'),
    path: z
      .string()
      .regex(ROUTE_PATH, 'is not a plain path')
      .refine(hasDistinctParameters, 'names a parameter twice')
      .describe('prefix; /orders is also /orders/7, never /ordersX; {id} is any one segment'),
    upstream: name,
    methods: z
      .array(z.enum(METHODS))
      .min(1)
      .default([...METHODS]),
    authenticate: z
      .enum(['required', 'optional'])
      .default('required')
      .describe('optional: without credentials the policies are asked about nobody'),
    authenticators: z
      .array(z.string().min(1).max(100))
      .min(1)
      .optional()
      .describe('names of those that may say who it is, in order; without it: all that there are'),
    operations: z
      .array(operationSchema)
      .max(OPERATIONS_MAX)
      .default([])
      .describe(
        'names for methods and paths, for policies and records; the first that fits counts',
      ),
    scopes: z
      .array(z.string().regex(/^[!#-[\]-~]{1,200}$/, 'is not one word of printable ASCII'))
      .max(32)
      .default([])
      .describe('what the credential must be good for, every one of them'),
    quotas: z
      .array(z.string().min(1))
      .max(16)
      .default([])
      .describe('names of quotas; all of them must have room'),
    identity: z
      .enum(['none', 'signed'])
      .default('none')
      .describe(
        'signed: the upstream gets a signed statement of who it is, and where it is recorded',
      ),
    record: z
      .enum(['strict', 'relaxed'])
      .default('strict')
      .describe(
        'strict: durable before forward and release; relaxed: durable soon after, and a crash ' +
          'may take limits.relaxedRecordsMax records of the last limits.relaxedWindowMs',
      ),
    headers: z
      .array(headerName)
      .max(32)
      .default([])
      .describe('request headers to record, and for policies to see'),
    personal: z
      .array(z.enum(['what', 'how']))
      .default([])
      .describe("sections to seal under the person's key"),
    capture: captureSchema.optional(),
    upgrade: z
      .enum(['none', 'websocket'])
      .default('none')
      .describe('websocket: connections may become WebSockets; each is one exchange'),
    websocket: z
      .strictObject({
        origins: z
          .array(z.string().refine(isExactOrigin, 'is not an origin, as https://app.example'))
          .max(64)
          .default([])
          .describe('whose pages may connect beside its own; with one, no others at all'),
        compression: z
          .enum(['stripped', 'passed'])
          .default('stripped')
          .describe('passed: the two sides may agree on permessage-deflate'),
        http2: z
          .enum(['refused', 'taken'])
          .default('refused')
          .describe(
            'taken: on a stream of HTTP/2 too (RFC 8441); connections that open then say so',
          ),
      })
      .prefault({}),
    messages: z
      .enum(['counted', 'digested'])
      .default('counted')
      .describe('digested: records hold the SHA-256 of each message of a WebSocket or gRPC call'),
    forwarded: z
      .enum(['x-forwarded', 'forwarded', 'both', 'none'])
      .default('x-forwarded')
      .describe('which fields tell the upstream where a request came from; a caller cannot'),
    trailers: z
      .array(headerName.toLowerCase().refine(mayTrail, 'is never taken from trailers'))
      .max(32)
      .default([])
      .describe(
        'trailers that go on, of requests and responses; those of gRPC responses always do',
      ),
    earlyHints: z
      .enum(['dropped', 'passed'])
      .default('dropped')
      .describe('passed: 103 of the upstream goes on, its Link fields and nothing else of it'),
    serverTiming: z
      .union([
        z.enum(['never', 'always']),
        z.strictObject({
          askedBy: z
            .array(
              z.strictObject({
                principal: z.string().min(1).max(200),
                issuer: z.string().min(1).max(200).default('keys'),
              }),
            )
            .min(1)
            .max(100)
            .describe('who gets it, where a request of theirs has the field countersign-timing'),
        }),
      ])
      .default('never')
      .describe('Server-Timing: how long each phase took; always tells it to whoever asks for it'),
    release: z
      .enum(['held', 'stream'])
      .default('held')
      .describe('stream: never hold back a whole response, only its end'),
    rewrite: pathRewriteSchema
      .optional()
      .describe('what the upstream is asked for in place of path'),
    requestFields: fieldRulesSchema.optional(),
    responseFields: fieldRulesSchema.optional(),
    retry: z
      .enum(['idempotent', 'always', 'never'])
      .default('idempotent')
      .describe('which requests are sent again; never one whose body was partly sent'),
  })
  .superRefine((route, context) => {
    const fault = operationsFault(route)
    if (fault === undefined) return
    const [at, message] = fault
    context.addIssue({ code: 'custom', path: ['operations', at, 'path'], message })
  })
  .refine(({ identity, record }) => identity !== 'signed' || record === 'strict', {
    message: 'a signed statement says where the request is recorded, so it takes record: strict',
    path: ['record'],
  })
  .superRefine(({ path, rewrite }, context) => {
    const [unknown] = rewrite === undefined ? [] : unknownParameters(rewrite, path)
    if (unknown === undefined) return
    const message = `names {${unknown}}, which the path of the route does not have`
    context.addIssue({ code: 'custom', path: ['rewrite', 'template'], message })
  })

export type Protocol = 'h2' | 'http/1.1'
export type ListenerConfig = z.infer<typeof listenerSchema>
export type RouteConfig = z.infer<typeof routeSchema>

/** What a listener speaks. */
export function protocolsOf({
  protocols,
  tls,
}: Pick<ListenerConfig, 'protocols'> & { readonly tls?: unknown }): readonly Protocol[] {
  return protocols ?? (tls === undefined ? ['http/1.1'] : ['h2', 'http/1.1'])
}

function isOrigin(url: string): boolean {
  const { username, password, pathname, search, hash } = new URL(url)
  return pathname === '/' && [username, password, search, hash].every((part) => part === '')
}

function isExactOrigin(text: string): boolean {
  return URL.canParse(text) && new URL(text).origin === text
}
