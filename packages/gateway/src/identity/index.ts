export { apiKeyPrefix } from './api-key.ts'
export { apiKeys } from './api-keys.ts'
export {
  type Authenticator,
  type BodyDigest,
  type Carrier,
  type CredentialRefusal,
  type Identification,
  insufficientScope,
  type Known,
  type Refused,
  refused,
} from './authenticator.ts'
export { type AuthenticatorChain, Authenticators } from './authenticators.ts'
export type { TokenBinding } from './binding/token-binding.ts'
export { senderConstraints } from './binding/token-binding.ts'
export { clientCertificates } from './certificate/certificate-authenticator.ts'
export { expireKey, revokeKey, rotateKey } from './change-key.ts'
export { type CreatedKey, createKey, createKeyInFile, type KeyFacts } from './create-key.ts'
export { DpopNonces, NONCE_KEY_BYTES } from './dpop/dpop-nonces.ts'
export { DpopVerifier } from './dpop/dpop-verifier.ts'
export { FileReplayStore } from './dpop/file-replay-store.ts'
export type { ReplayStore } from './dpop/replay-store.ts'
export { MemoryReplayStore } from './dpop/replay-store.ts'
export { readIfThere, writeWhole } from './edit-file.ts'
export { type FileReport, type FileSource, FollowedFile } from './followed-file.ts'
export { httpSignatures } from './http-signature/signature-authenticator.ts'
export { signaturesSchema } from './http-signature/signature-config.ts'
export {
  authenticatorNames,
  type IdentityConfig,
  identityConfigSchema,
} from './identity-config.ts'
export { IdentityError, type IdentityErrorCode } from './identity-error.ts'
export { Introspection } from './introspection/introspection.ts'
export type { IntrospectionConfig } from './introspection/introspection-config.ts'
export type { IssuerConfig } from './jwt/issuer-config.ts'
export type { IssuerKeys, IssuerKeysReport } from './jwt/issuer-keys.ts'
export type { JwtAuthenticator } from './jwt/jwt-authenticator.ts'
export { issuerKeys, jwtAuthenticator } from './jwt/open-issuer.ts'
export { type KeyChange, KeyStore, keyChanges, keyTraces } from './key-store.ts'
export {
  KEYS_FILE_BYTES_MAX,
  type KeyRing,
  type KeyTrace,
  parseKeysFile,
} from './keys-file.ts'
export { type Authorization, type ClientCertificate, Presented, Shown } from './presented.ts'
export {
  ANONYMOUS,
  type Claims,
  type Credential,
  type CredentialMethod,
  type Principal,
} from './principal.ts'
export { REDACTED, redactCredentials, redactKeysAndTokens } from './redact-credentials.ts'
export { BrowserLogin, type SessionEvent } from './session/browser-login.ts'
export { withoutCookies } from './session/cookies.ts'
export { FollowedSessions } from './session/followed-sessions.ts'
export { type LoginConfig, loginConfigSchema } from './session/login-config.ts'
export { LOGIN_COOKIE_PREFIX } from './session/login-cookies.ts'
export { loginKeys } from './session/login-keys.ts'
export { LoginMemory } from './session/login-memory.ts'
export { LoginStates } from './session/login-state.ts'
export { LogoutTokens } from './session/logout-tokens.ts'
export { LoginProvider } from './session/provider.ts'
export { SessionAuthenticator } from './session/session-authenticator.ts'
export type { SessionFacts, Sessions } from './session/session-store.ts'
export { BundleKeeper } from './spiffe/bundle-keeper.ts'
export { JwtSvids } from './spiffe/jwt-svid.ts'
export type { SpiffeConfig } from './spiffe/spiffe-config.ts'
export { BUNDLE_BYTES_MAX } from './spiffe/trust-bundle.ts'
export { x509Svids } from './spiffe/x509-svid.ts'
export { openStatementKeys, type StatementKey } from './statement/statement-key.ts'
export { Statements, statementKeySet, statementsSchema } from './statement/statements.ts'
export {
  addRevocation,
  NO_REVOCATIONS,
  parseRevocations,
  parseRevocationsFile,
  REVOCATIONS_BYTES_MAX,
  type Revocation,
  RevocationList,
} from './token/revocations.ts'
export type { TokenCheck } from './token/token-check.ts'
export { VerifiedTokens } from './token/verified-tokens.ts'
