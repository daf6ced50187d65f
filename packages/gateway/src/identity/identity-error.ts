export type IdentityErrorCode =
  /** The keys file is not what we read; the message says where. */
  | 'IDENTITY_KEYS_INVALID'
  /** A key cannot be made from these facts. */
  | 'IDENTITY_KEY_REFUSED'
  /** Authenticators that cannot be told apart, or a name that none of them has. */
  | 'IDENTITY_UNUSABLE'
  /** The revocations file is not what we read; the message says where. */
  | 'IDENTITY_REVOCATIONS_INVALID'
  /** An issuer does not publish what it must, or publishes something else. */
  | 'IDENTITY_ISSUER_UNUSABLE'
  /** A shared secret is shorter than the hash that it is used with. */
  | 'IDENTITY_SECRET_SHORT'

export class IdentityError extends Error {
  override readonly name = 'IdentityError'
  readonly code: IdentityErrorCode

  constructor(code: IdentityErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}
