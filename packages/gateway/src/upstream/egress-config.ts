import { z } from 'zod'

const secret = z.union([
  z.strictObject({ file: z.string().min(1) }),
  z.strictObject({ env: z.string().min(1) }),
])

/** Said by the gateway itself, or part of the framing: a credential is in none of them. */
const NOT_CREDENTIALS = new Set(
  (
    'host transfer-encoding connection keep-alive te trailer upgrade expect cookie date via ' +
    'forwarded x-request-id'
  ).split(' '),
)
const NOT_CREDENTIALS_FORM = /^(content|x-forwarded|countersign|sec|proxy)-/

const credentialSchema = z
  .strictObject({
    name: z
      .string()
      .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/, 'is not a short plain name')
      .describe('what records call it'),
    scheme: z.enum(['bearer', 'basic', 'header']),
    username: z
      .string()
      .regex(/^[!-9;-~]{1,200}$/, 'is not printable ASCII without a colon')
      .optional()
      .describe('of basic'),
    header: z
      .string()
      .regex(/^[A-Za-z0-9-]{1,100}$/, 'is not a header name')
      .refine((name) => mayCarry(name.toLowerCase()), 'carries no credential')
      .optional()
      .describe('of header: the field whose value the secret is'),
    secret: secret.describe('read again when its file changes'),
  })
  .refine(({ scheme, username }) => (scheme === 'basic') === (username !== undefined), {
    path: ['username'],
    message: 'belongs to basic, and to nothing else',
  })
  .refine(({ scheme, header }) => (scheme === 'header') === (header !== undefined), {
    path: ['header'],
    message: 'belongs to header, and to nothing else',
  })
  .describe('the gateway shows it to the service; callers never see it')

/** `egress` of an upstream. */
export const egressSchema = z
  .strictObject({ credential: credentialSchema.optional() })
  .describe('it is a service of somebody else: who asks, and from where, is not told to it')

export type CredentialConfig = z.infer<typeof credentialSchema>

function mayCarry(name: string): boolean {
  return !NOT_CREDENTIALS.has(name) && !NOT_CREDENTIALS_FORM.test(name)
}
