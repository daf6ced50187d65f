export type AdminErrorCode = 'ADMIN_LISTEN' | 'ADMIN_NOT_LOOPBACK' | 'ADMIN_CERTIFICATE'

/** Why the control plane does not start, or does not take another certificate. */
export class AdminError extends Error {
  override readonly name = 'AdminError'
  readonly code: AdminErrorCode

  constructor(code: AdminErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}
